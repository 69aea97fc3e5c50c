"""The ten tables: every column with its type, its policy and the clock that guards it (design.md 4).

``fetched_at`` is taken before the request that an answer came from, and guards what the API says. What an event says
has its own columns: ``..._at`` are event times. A ``..._source`` column names who said it and when, as text that sorts:
``event <time>`` < ``link <time>`` < ``project <time>``. So a project's answer beats a task's link however late that
comes, and the newer of equals wins, and of one moment the greater value; it stands only beside a value, so that no null
ever erases one. Where the event knows better, ``answer <time>`` < ``event <time>``.
"""

from claimx.domain.rows import Column, Policy, Table, Type

_TEXT, _NUMBER, _REAL = Type.STRING, Type.INT64, Type.FLOAT64
_TRUTH, _TIME, _DAY = Type.BOOLEAN, Type.TIMESTAMP, Type.DATE


def _key(name: str, kind: Type = _TEXT, doc: str = "") -> Column:
    return Column(name, kind, Policy.KEY, doc=doc)


def _newest(kind: Type, names: str, clock: str = "fetched_at") -> tuple[Column, ...]:
    return tuple(Column(name, kind, Policy.NEWEST, clock) for name in names.split())


def _once(kind: Type, names: str) -> tuple[Column, ...]:
    return tuple(Column(name, kind, Policy.SET_ONCE) for name in names.split())


def _others(name: str, kind: Type) -> Column:
    return Column(name, kind, Policy.FILL_NULL, doc="never written by claimx, kept for those who do")


def _first(name: str, doc: str = "") -> Column:
    return Column(name, _TIME, Policy.MIN, doc=doc)


def _last(name: str, doc: str = "") -> Column:
    return Column(name, _TIME, Policy.MAX, doc=doc)


def _flag(name: str, doc: str) -> Column:
    return Column(name, _TRUTH, Policy.STICKY_TRUE, doc=doc)


def _ranked(name: str, kind: Type = _TEXT, doc: str = "") -> tuple[Column, Column]:
    source = f"{name}_source"
    return (
        Column(name, kind, Policy.NEWEST_NON_NULL, source, doc),
        Column(source, _TEXT, Policy.MAX, doc=f"who said {name}, and when; sorts by rank, then time"),
    )


_EVENT_ID = Column("event_id", _TEXT, Policy.NEWEST, "updated_at", "the event that wrote the row last")
_CREATED_AT = _first("created_at", "earliest source of the row")
_UPDATED_AT = _last("updated_at", "latest source of the row")
_ENRICHED_AT = _last("last_enriched_at", "when the API was last asked")
_FETCHED_AT = _last("fetched_at", "taken before the request: the clock of what the API says")
_STAMPS = (_EVENT_ID, _CREATED_AT, _UPDATED_AT, _ENRICHED_AT, _FETCHED_AT)
_CREATED_DATE = _first("created_date", "as the API says; it never changes")

EVENTS = Table(
    "claimx_events",
    (
        _key("event_id", doc="as sent, or made from the event's content"),
        *_once(
            _TEXT, "event_type project_id media_id task_assignment_id video_collaboration_id master_file_name"
        ),
        Column(
            "ingested_at",
            _TIME,
            Policy.SET_ONCE,
            doc="the event's time, clamped to the Kafka timestamp + 1 day",
        ),
        Column("created_at", _TIME, Policy.SET_ONCE, doc="when the row was written"),
        Column("event_date", _DAY, Policy.SET_ONCE, doc="day of ingested_at"),
        Column("raw_data", _TEXT, Policy.SET_ONCE, doc="the record's JSON"),
    ),
    ("event_date",),
    "Every event, once; insert-only.",
)

PROJECTS = Table(
    "claimx_projects",
    (
        _key("project_id"),
        Column("project_number", _TEXT, doc="the claim number"),
        *_ranked("master_file_name", doc="an event knows it better than any answer, which may lag behind"),
        Column(
            "master_file_name_at",
            _TIME,
            Policy.NEWEST,
            "master_file_name_source",
            "time of the event, or of the answer, that gave master_file_name",
        ),
        Column("secondary_number", _TEXT, doc="the policy number"),
        *_newest(_TEXT, "status"),
        _CREATED_DATE,
        *_newest(_TIME, "date_of_loss"),
        *_newest(_TEXT, "type_of_loss cause_of_loss loss_description"),
        *_newest(_TEXT, "customer_first_name customer_last_name custom_business_name business_line_type"),
        *_newest(_NUMBER, "year_built square_footage"),
        *_newest(_TEXT, "street1 street2 city state_province zip_postcode county country"),
        *_newest(_TEXT, "primary_email primary_phone"),
        *_newest(_NUMBER, "primary_phone_country_code"),
        *_newest(
            _TIME, "date_received date_contacted planned_inspection_date date_inspected appointment_date"
        ),
        *_newest(_TEXT, "custom_attribute1 custom_attribute2 custom_attribute3 custom_external_unique_id"),
        *_newest(_TEXT, "company_name"),
        _others("coverages", _TEXT),
        _flag("contents_task_sent", "a PERSONAL_PROPERTY_TASK_SHARED came"),
        _first("contents_task_at"),
        _flag("xa_autolink_fail", "a PROJECT_AUTO_XA_LINKING_UNSUCCESSFUL came"),
        _first("xa_autolink_fail_at"),
        _first("policyholder_invited_at"),
        _first("policyholder_joined_at"),
        *_STAMPS,
    ),
    doc="One row per claim.",
)

CONTACTS = Table(
    "claimx_contacts",
    (
        _key("contact_id", doc="made from the lower-cased e-mail and contact_type"),
        _key("project_id"),
        *_ranked("contact_email"),
        Column("contact_type", _TEXT, Policy.SET_ONCE, doc="POLICYHOLDER or CLAIM_REP"),
        *_ranked("first_name"),
        *_ranked("last_name"),
        *_ranked("phone_number"),
        *_ranked("phone_country_code", _NUMBER),
        *_ranked(
            "is_primary_contact", _TRUTH, "a task's link says false, and only where nobody has said more"
        ),
        *_newest(_TEXT, "master_file_name"),
        Column("task_assignment_id", _NUMBER, Policy.MAX, doc="the latest task that was sent by link"),
        _others("video_collaboration_id", _TEXT),
        Column(
            "invite_status", _TEXT, Policy.MAX, doc="INVITED, then JOINED: it sorts that way, so never back"
        ),
        _first("invited_at"),
        _first("joined_at"),
        *_STAMPS,
        Column("created_date", _DAY, Policy.MIN, doc="day of created_at"),
    ),
    doc="Policyholders and claim representatives of a project.",
)

MEDIA = Table(
    "claimx_attachment_metadata",
    (
        _key("media_id"),
        *_newest(_TEXT, "project_id task_assignment_id file_type"),
        Column("file_name", _TEXT, doc="as the API says; cleaned only in blob_path"),
        *_newest(_TEXT, "media_description media_comment"),
        *_newest(_REAL, "latitude longitude"),
        *_newest(_TEXT, "gps_source"),
        *_newest(_TIME, "taken_date"),
        Column("full_download_link", _TEXT, doc="without its query, which held the signature"),
        Column("expires_at", _TIME, doc="when the link as sent stops working"),
        *_STAMPS,
    ),
    doc="What the API says of each media file.",
)

TASKS = Table(
    "claimx_tasks",
    (
        _key("task_id", _NUMBER, "assignmentId of the API"),
        Column("template_id", _NUMBER, doc="taskId of the API"),
        *_newest(_TEXT, "project_id"),
        *_newest(_NUMBER, "assignee_id assignor_id"),
        *_newest(_TEXT, "assignor_email"),
        *_newest(_TIME, "date_assigned date_completed"),
        *_ranked("status"),
        *_newest(_TEXT, "task_name form_id form_response_id mfn"),
        *_newest(_TIME, "cancelled_date"),
        *_newest(_NUMBER, "cancelled_by_resource_id pdf_project_media_id resubmit_task_assignment_id"),
        *_newest(_TIME, "date_exported fraud_language_accepted_date stp_started_date"),
        *_newest(_TRUTH, "stp_enabled xactimate_exportable"),
        *_newest(_TEXT, "task_url"),
        *_STAMPS,
    ),
    doc="Custom tasks (forms) as assigned.",
)

_DATED = "version_at"
TEMPLATES = Table(
    "claimx_task_templates",
    (
        _key("template_id", _NUMBER, "taskId of the API"),
        _key("project_id"),
        *_newest(_NUMBER, "comp_id", _DATED),
        *_newest(_TEXT, "name description form_id form_name", _DATED),
        *_newest(_TRUTH, "enabled is_default is_manual_delivery is_external_link_delivery", _DATED),
        *_newest(_TRUTH, "provide_portal_access notify_assigned_send_recipient", _DATED),
        *_newest(_TRUTH, "notify_assigned_send_recipient_sms", _DATED),
        *_newest(_TEXT, "notify_assigned_subject", _DATED),
        *_newest(_TRUTH, "notify_task_completed", _DATED),
        *_newest(_TEXT, "notify_completed_subject", _DATED),
        *_newest(_TRUTH, "allow_resubmit auto_generate_pdf", _DATED),
        *_newest(_TEXT, "modified_by", _DATED),
        *_newest(_NUMBER, "modified_by_id", _DATED),
        Column("modified_date", _TIME, Policy.NEWEST, _DATED),
        _last(
            _DATED,
            "the clock of the row: modified_date, or 1970 where there is none: an equal one changes nothing",
        ),
        *_newest(_TEXT, "event_id", _DATED),
        _CREATED_AT,
        *_newest(_TIME, "updated_at last_enriched_at", _DATED),
    ),
    doc="Task templates as each project saw them.",
)

LINKS = Table(
    "claimx_external_links",
    (
        _key("link_id", _NUMBER),
        *_newest(_NUMBER, "assignment_id"),
        *_newest(_TEXT, "project_id link_code"),
        Column("url", _TEXT, doc="without its query"),
        *_newest(_TEXT, "notification_access_method"),
        *_newest(_NUMBER, "country_id state_id"),
        _others("created_date", _TIME),
        Column("accessed_count", _NUMBER, Policy.SET_ONCE, doc="0 at first; counted by others"),
        _others("last_accessed", _TIME),
        *_STAMPS,
    ),
    doc="Links by which a task was sent to somebody outside.",
)

VIDEOS = Table(
    "claimx_video_collab",
    (
        _key("collaboration_id", _NUMBER, "videoCollaborationId of the API"),
        Column("project_id", _TEXT, Policy.NEWEST, "updated_at", "the project of the event"),
        Column("claim_id", _NUMBER, doc="the project's id as the report has it"),
        Column("status", _TEXT, Policy.MIN, doc="INVITED, then COMPLETED: it sorts backwards, so never back"),
        *_newest(_TEXT, "mfn claim_number policy_number email_user_name"),
        *_newest(_TEXT, "claim_rep_first_name claim_rep_last_name claim_rep_full_name"),
        *_newest(_NUMBER, "number_of_videos number_of_photos number_of_viewers session_count"),
        Column("total_time_seconds", _TEXT, doc="decimal text"),
        Column("total_time", _TEXT, doc="as the report has it, such as 20:34"),
        _CREATED_DATE,
        *_newest(_TIME, "live_call_first_session live_call_last_session"),
        *_newest(_NUMBER, "company_id"),
        *_newest(_TEXT, "company_name guid"),
        Column("recording_urls", _TEXT, doc="JSON list, each without its query"),
        *_STAMPS,
    ),
    doc="Video calls.",
)

_STORED = "uploaded_at"
ATTACHMENTS = Table(
    "claimx_attachments",
    (
        _key("media_id"),
        *_newest(_TEXT, "project_id file_name file_type", _STORED),
        Column("blob_path", _TEXT, Policy.NEWEST, _STORED, "object key under files_url"),
        *_newest(_NUMBER, "bytes", _STORED),
        Column("sha256", _TEXT, Policy.NEWEST, _STORED, "hex digest of the content"),
        *_newest(_TEXT, "content_type", _STORED),
        Column("download_url", _TEXT, Policy.NEWEST, _STORED, "without its query"),
        _EVENT_ID,
        _last(_STORED, "the clock of the row"),
        _CREATED_AT,
        _UPDATED_AT,
    ),
    doc="The inventory of stored files.",
)

EVENT_LOG = Table(
    "claimx_event_log",
    (
        *_once(_TEXT, "event_id event_type project_id outcome stage"),
        *_once(_NUMBER, "attempts api_calls duration_ms"),
        *_once(_TEXT, "error_code topic"),
        *_once(_NUMBER, "partition offset"),
        Column(
            "child",
            _TEXT,
            Policy.SET_ONCE,
            doc="for work from the delay queue: which work; null for a record",
        ),
        Column(
            "first_origin",
            _TEXT,
            Policy.SET_ONCE,
            doc="for a duplicate: topic/partition/offset of the first copy",
        ),
        *_once(_TIME, "processed_at"),
        Column("processed_date", _DAY, Policy.SET_ONCE, doc="day of processed_at"),
    ),
    ("processed_date",),
    "One line for each settled record or delay row; append-only.",
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        EVENTS,
        PROJECTS,
        CONTACTS,
        MEDIA,
        TASKS,
        TEMPLATES,
        LINKS,
        VIDEOS,
        ATTACHMENTS,
        EVENT_LOG,
    )
}
"""By name."""
