"""Loading the settings: what wins, what is refused and how it is said, and that no secret is ever printed."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from claimx.config.environ import debug_wanted, find_file
from claimx.config.load import Loaded, load
from claimx.config.show import show
from claimx.config.tree import Secret
from claimx.errors import ConfigError

TOKEN = "dXNlcjpwYXNzd29yZA=="  # user:password
CANARY = "hunter2hunter2"
GOOD = """\
[api]
token = { env = "API_TOKEN" }
[lake]
tables_url = "lake/tables"
files_url = "lake/files"
"""
ENV = {"API_TOKEN": TOKEN}


def loaded(
    tmp_path: Path,
    text: str = "",
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, object] | None = None,
    sets: tuple[str, ...] = (),
) -> Loaded:
    file = tmp_path / "claimx.toml"
    file.write_text(text or GOOD)
    return load(file, ENV | dict(environ or {}), overrides, sets)


def problems(tmp_path: Path, text: str = "", **more: object) -> list[str]:
    """Every line of the refusal but its count, without the directory."""
    with pytest.raises(ConfigError) as refused:
        loaded(tmp_path, text, **more)
    return [line.strip().replace(f"{tmp_path}/", "") for line in str(refused.value).splitlines()[1:]]


# the file, line by line


BAD_FILES = [
    ("donwload = 1", "claimx.toml:6: donwload: unknown key", "hint: did you mean download?"),
    (
        "[kafka]\ngroup_di = 'x'",
        "claimx.toml:7: kafka.group_di: unknown key",
        "hint: did you mean group_id?",
    ),
    (
        "[upload]\nvisibility_s = 3",
        "claimx.toml:7: upload.visibility_s: unknown key",
        "hint: did you mean enrich.visibility_s?",
    ),
    (
        "[ingest]\nxyz = 3",
        "claimx.toml:7: ingest.xyz: unknown key",
        "hint: known here: dedup_days",
    ),
    ("kafka = 3", "claimx.toml:6: kafka: must be a table", "hint: write [kafka] and its keys below"),
    ("[enrich]\nworkers = 'many'", "claimx.toml:7: enrich.workers: Expected int, got str", ""),
    ("[enrich]\nworkers = 0", "claimx.toml:7: enrich.workers: Expected int >= 1", ""),
    (
        '[kafka]\ngroup_protocol = "consumer"\n[kafka.client]\n"session.timeout.ms" = 6000',
        'claimx.toml:9: kafka.client.session.timeout.ms: is the broker\'s to decide with group_protocol = "consumer"',
        "hint: leave it out",
    ),
    (
        '[kafka.client]\n"group.protocol" = "consumer"',
        "claimx.toml:7: kafka.client.group.protocol: has a key of its own",
        "hint: set kafka.group_protocol",
    ),
    (
        '[kafka.client]\n"enable.ssl.certificate.verification" = false',
        "claimx.toml:7: kafka.client.enable.ssl.certificate.verification: is not for you to set",
        "hint: a broker that is not verified would be told our password",
    ),
    (
        "[limits]\ndrain_s = inf",
        "claimx.toml:7: limits.drain_s: must be finite",
        "hint: every wait has a bound",
    ),
    (
        "[retry]\ndelays_s = [1, 'x']",
        "claimx.toml:7: retry.delays_s: Expected float, got str - at element [1]",
        "",
    ),
    (
        "[log]\nlevel = 'inof'",
        'claimx.toml:7: log.level: is not one of: "debug", "info", "warning", "error"',
        "hint: did you mean info?",
    ),
    (
        "[kafka.topics]\nevents_raw = 'same'\nevents_replay = 'same'",
        "claimx.toml:8: kafka.topics.events_replay: is the same topic as kafka.topics.events_raw",
        "hint: give each its own",
    ),
    (
        "[kafka.topics]\nevents_raw = 'not a topic'",
        "claimx.toml:7: kafka.topics.events_raw: is not a topic name",
        "hint: 1 to 249 letters, digits, dots, dashes and underscores",
    ),
    (
        "[kafka]\nbootstrap_servers = 'broker'",
        "claimx.toml:7: kafka.bootstrap_servers: is not host:port, comma separated",
        "hint: for example broker-1:9092,broker-2:9092",
    ),
    (
        "[kafka.client]\n'enable.auto.commit' = true",
        "claimx.toml:7: kafka.client.enable.auto.commit: is not for you to set",
        "hint: offsets follow effects: claimx commits its own frontier",
    ),
    (
        "[kafka.client]\ngroup.id = 'x'",
        "claimx.toml:7: kafka.client.group.id: has a key of its own",
        "hint: set kafka.group_id",
    ),
    (
        "[kafka.client]\nx = [1]",
        "claimx.toml:7: kafka.client.x: must be one of: str, int, float, bool",
        "",
    ),
    (
        "[kafka]\nsasl_username = 'me'",
        'claimx.toml:7: kafka.sasl_username: has no meaning with security_protocol = "PLAINTEXT"',
        "hint: use SASL_SSL",
    ),
    (
        "[kafka]\nsecurity_protocol = 'SASL_SSL'",
        "claimx.toml:6: kafka.sasl_mechanism: is required with SASL_SSL",
        "hint: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER",
    ),
    (
        "[kafka]\nsecurity_protocol = 'SASL_SSL'\nsasl_mechanism = 'PLAIN'\nsasl_username = 'me'",
        "claimx.toml:6: kafka.sasl_password: is required with PLAIN",
        "",
    ),
    (
        "[download]\nallowed_hosts = ['good.example', 'https://bad.example']",
        "claimx.toml:7: download.allowed_hosts: entry 2 is not a lower-case host name, or *.suffix",
        "hint: no scheme, no path",
    ),
    (
        "[download]\nmax_bytes = 100\nspool_bytes = 10",
        "claimx.toml:7: download.max_bytes: is larger than download.spool_bytes",
        "hint: download.spool_bytes is 10",
    ),
    (
        "[process]\nstate_dir = '${STATE}/claimx'",
        "claimx.toml:7: process.state_dir: has ${...} in it, and claimx expands no variables",
        "hint: set the key by its own variable",
    ),
    ("[kafka]\ngroup_id = ''", "claimx.toml:7: kafka.group_id: is empty", ""),
]


@pytest.mark.parametrize(("text", "line", "hint"), BAD_FILES)
def test_a_bad_line_is_named_with_its_place_and_what_is_right(
    tmp_path: Path, text: str, line: str, hint: str
) -> None:
    # keys of no table must stand before the first one
    whole = f"{GOOD}{text}" if text.startswith("[") else f"#\n#\n#\n#\n#\n{text}\n{GOOD}"
    assert problems(tmp_path, whole) == [line, hint] if hint else [line]


API = [
    ("base_url = 'ftp://api.example'", "is not an http or https URL"),
    ("base_url = 'http://api.example'", "sends the token over http"),
    ("base_url = 'https://me:pw@api.example'", "must have no user, query or fragment"),
    ("base_url = 'https://api.example:70000'", "is not an http or https URL"),
    ("circuit = { failures = 0 }", "Expected int >= 1"),
]


@pytest.mark.parametrize(("text", "message"), API)
def test_the_api_is_checked(tmp_path: Path, text: str, message: str) -> None:
    (line, *_) = problems(tmp_path, GOOD.replace("[api]", f"[api]\n{text}"))
    assert line.startswith("claimx.toml:2: api.")
    assert line.endswith(message)


@pytest.mark.parametrize(
    "text",
    [
        "[api]\nbase_url = 'http://127.0.0.1:8080'",
        "[api]\nbase_url = 'http://[::1]:8080'",
        "[download]\nallow_insecure_hosts = ['api.example:8080']\n[api]\nbase_url = 'http://api.example:8080'",
    ],
)
def test_http_is_fine_on_loopback_and_where_it_is_allowed(tmp_path: Path, text: str) -> None:
    assert loaded(tmp_path, GOOD.replace("[api]", text)).settings.api.base_url.startswith("http://")


LAKES = [
    ("tables_url = 'ftp://x'", "claimx.toml:4: lake.tables_url: is of no known kind"),
    ("tables_url = ''", "claimx.toml:4: lake.tables_url: is of no known kind"),
    ("tables_url = 's3://b/t?sig=1'", "claimx.toml:4: lake.tables_url: must have no password and no query"),
    ("tables_url = 'lake'", "claimx.toml:5: lake.files_url: overlaps lake.tables_url"),
    ("tables_url = 'file://lake/files/'", "claimx.toml:5: lake.files_url: overlaps lake.tables_url"),
]


@pytest.mark.parametrize(("text", "line"), LAKES)
def test_the_roots_of_the_lake_are_checked(tmp_path: Path, text: str, line: str) -> None:
    assert (
        problems(
            tmp_path,
            GOOD.replace("tables_url = 'lake/tables'", text).replace('tables_url = "lake/tables"', text),
        )[0]
        == line
    )


@pytest.mark.parametrize(
    "root",
    [
        "s3://bucket/claimx",
        "abfss://box@account.dfs.core.windows.net/claimx",
        "abfss://space@onelake.dfs.fabric.microsoft.com/House.Lakehouse/Tables",
        "az://box/claimx",
        "file:///srv/claimx",
    ],
)
def test_the_lake_lies_on_a_disk_on_s3_or_on_azure(tmp_path: Path, root: str) -> None:
    sets = (f"lake.tables_url={root}/tables", f"lake.files_url={root}/files")
    assert loaded(tmp_path, GOOD, sets=sets).settings.lake.files_url == f"{root}/files"


def test_everything_wrong_is_said_at_once_in_the_order_of_the_places(tmp_path: Path) -> None:
    text = "[kafka]\ngroup_di = 'x'\n[enrich]\nworkers = 0\n[lake]\ntables_url = 'a'\n"
    found = problems(
        tmp_path, text, environ={"CLAIMX_ENRICH__QUEUE_ITEMS": "many"}, sets=("retry.delays_s=", "nonsense")
    )
    assert [line for line in found if not line.startswith("hint: ")] == [
        "claimx.toml: api.token: is required",
        "claimx.toml:2: kafka.group_di: unknown key",
        "claimx.toml:4: enrich.workers: Expected int >= 1",
        "claimx.toml:5: lake.files_url: is required",
        "env CLAIMX_ENRICH__QUEUE_ITEMS: enrich.queue_items: Expected int, got str",
        "--set: the 2. --set must be KEY=VALUE",
        "--set: retry.delays_s: Expected array of length >= 1",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[kafka\n", "claimx.toml:1: is not TOML: Expected ']' at the end of a table declaration"),
        (b"a = 1\nb =\n", "claimx.toml:2: is not TOML: Invalid value"),
        (b"\xff\xfe", "claimx.toml: is not UTF-8 text"),
    ],
)
def test_a_file_that_is_not_toml_is_the_only_problem_of_the_file(
    tmp_path: Path, content: bytes, message: str
) -> None:
    file = tmp_path / "claimx.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError) as refused:
        load(file, {})
    assert str(refused.value).replace(f"{tmp_path}/", "").splitlines()[1:] == [f"  {message}"]


@pytest.mark.parametrize("name", ["missing.toml", "."])
def test_a_named_file_that_cannot_be_read_is_a_problem(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be read: "):
        load(tmp_path / name, ENV)


# what wins


def test_a_later_source_wins_and_the_origin_says_which(tmp_path: Path) -> None:
    file = GOOD + "[enrich]\nworkers = 1\nqueue_items = 1\nvisibility_s = 1\n[upload]\nworkers = 1\n"
    got = loaded(
        tmp_path,
        file,
        environ={
            "CLAIMX_ENRICH__QUEUE_ITEMS": "2",
            "CLAIMX_ENRICH__VISIBILITY_S": "2",
            "CLAIMX_UPLOAD__WORKERS": "2",
        },
        overrides={"enrich.visibility_s": 3, "upload": {"workers": 3}},
        sets=("upload.workers=4",),
    )
    enrich, upload = got.settings.enrich, got.settings.upload
    assert (enrich.workers, enrich.queue_items, enrich.visibility_s, upload.workers) == (1, 2, 3, 4)
    assert got.origins["enrich.workers"].endswith("claimx.toml:7")
    assert got.origins["enrich.queue_items"] == "env CLAIMX_ENRICH__QUEUE_ITEMS"
    assert got.origins["enrich.visibility_s"] == "sandbox"
    assert got.origins["upload.workers"] == "--set"
    assert got.origins["download.workers"] == "default"


def test_a_bad_value_that_is_overridden_is_no_problem(tmp_path: Path) -> None:
    got = loaded(tmp_path, GOOD + "[enrich]\nworkers = 0\n", environ={"CLAIMX_ENRICH__WORKERS": "3"})
    assert got.settings.enrich.workers == 3


def test_everything_may_come_from_the_environment() -> None:
    environ = {
        "CLAIMX_API__TOKEN": TOKEN,
        "CLAIMX_LAKE__TABLES_URL": "t",
        "CLAIMX_LAKE__FILES_URL": "f",
        "CLAIMX_KAFKA__TOPICS__EVENTS_RAW": "raw",
        "CLAIMX_DOWNLOAD__AUTH_HOSTS": "a.example, b.example",
        "CLAIMX_RETRY__DELAYS_S": "[1, 2.5]",
        "CLAIMX_KAFKA__CLIENT__SOCKET_TIMEOUT_MS": "6000",
        "CLAIMX_LAKE__STORAGE__AWS_REGION": "eu-central-1",
        "PATH": "unrelated",
    }
    got = load(None, environ).settings
    assert got.api.token == Secret(TOKEN)
    assert got.kafka.topics.events_raw == "raw"
    assert got.download.auth_hosts == ("a.example", "b.example")
    assert got.retry.delays_s == (1.0, 2.5)
    assert got.kafka.client == {"socket.timeout.ms": "6000"}
    assert got.lake.storage == {"aws_region": "eu-central-1"}


def test_an_unquoted_dotted_option_of_librdkafka_is_the_same_option(tmp_path: Path) -> None:
    got = loaded(tmp_path, GOOD + "[kafka.client]\nsocket.timeout.ms = 1\n'socket.nagle.disable' = true\n")
    assert got.settings.kafka.client == {"socket.timeout.ms": 1, "socket.nagle.disable": True}


VARIABLES = [
    ("CLAIMX_DONWLOAD__WORKERS", "unknown variable", "hint: did you mean CLAIMX_DOWNLOAD__WORKERS?"),
    ("CLAIMX_API_TOKEN", "unknown variable", "hint: did you mean CLAIMX_API__TOKEN?"),
    ("CLAIMX_KAFKA__CLIENT", "unknown variable", "hint: name one entry: CLAIMX_KAFKA__CLIENT__<KEY>"),
    ("CLAIMX_ZZZ", "unknown variable", "hint: every key of claimx.toml is CLAIMX_<SECTION>__<KEY>"),
    ("CLAIMX_PROBES__PORT", "unknown variable", "hint: "),
]


@pytest.mark.parametrize(("name", "message", "hint"), VARIABLES)
def test_a_variable_that_means_nothing_is_a_problem(
    tmp_path: Path, name: str, message: str, hint: str
) -> None:
    line, shown = problems(tmp_path, environ={name: "1"})
    assert line == f"env {name}: {message}"
    assert shown.startswith(hint)


@pytest.mark.parametrize(
    "name",
    [
        "CLAIMX_CONFIG",
        "CLAIMX_DEBUG",
        "CLAIMX_SERVICE_HOST",
        "CLAIMX_SERVICE_PORT",
        "CLAIMX_SERVICE_PORT_HTTP",
        "CLAIMX_PORT",
        "CLAIMX_PORT_8080_TCP",
        "CLAIMX_PORT_8080_TCP_ADDR",
        "CLAIMX_WORKER_SERVICE_HOST",
        "CLAIMX_WORKER_PORT_80_TCP_PROTO",
    ],
)
def test_variables_that_kubernetes_or_the_shell_sets_are_left_alone(tmp_path: Path, name: str) -> None:
    assert loaded(tmp_path, environ={name: "tcp://10.0.0.1:80"})


def test_a_variable_that_a_secret_names_is_known(tmp_path: Path) -> None:
    got = loaded(tmp_path, GOOD.replace("API_TOKEN", "CLAIMX_API_TOKEN"), environ={"CLAIMX_API_TOKEN": TOKEN})
    assert got.settings.api.token.reveal() == TOKEN


SETS = [
    ("enrich.wokers=3", "--set: enrich.wokers: unknown key", "hint: did you mean workers?"),
    ("enrich=3", "--set: enrich: is a table", "hint: name one key in it, as in --set enrich.KEY=VALUE"),
    (
        "kafka.client=3",
        "--set: kafka.client: is a table",
        "hint: name one key in it, as in --set kafka.client.KEY=VALUE",
    ),
    ("retry.delays_s=[1", "--set: retry.delays_s: is not a JSON list", 'hint: write ["a", "b"] or a,b'),
]


@pytest.mark.parametrize(("text", "line", "hint"), SETS)
def test_a_bad_set_is_a_problem(tmp_path: Path, text: str, line: str, hint: str) -> None:
    assert problems(tmp_path, sets=(text,)) == [line, hint]


# secrets


@pytest.mark.parametrize(
    ("token", "message"),
    [
        (f"Basic {TOKEN}", "begins with the word Basic"),
        ("p!ssword", "is not base64"),
        ("hunter2hunter2=", "is not base64"),
        ("hunter22", "is not base64 of user:password"),
    ],
)
def test_a_token_that_cannot_be_right_is_refused_and_not_printed(
    tmp_path: Path, token: str, message: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        loaded(tmp_path, environ={"API_TOKEN": token})
    assert f"claimx.toml:2: api.token: {message}\n" in str(refused.value)
    assert token not in str(refused.value)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ('{ env = "NOT_THERE" }', "the environment variable NOT_THERE that it names is not set"),
        ('{ env = "EMPTY" }', "the environment variable EMPTY that it names is empty"),
        (f'{{ env = "{CANARY}" }}', "the environment variable that it names is not set"),
        (
            '{ file = "DIR/missing" }',
            "the file DIR/missing that it names cannot be read: No such file or directory",
        ),
        ('{ file = "DIR" }', "the file DIR that it names cannot be read: Is a directory"),
        ('{ file = "DIR/empty" }', "the file DIR/empty that it names is empty"),
        (f'{{ file = "{CANARY}" }}', "the file that it names cannot be read: No such file or directory"),
        ('{ file = "${HOME}/token" }', "the file that it names has ${...} in its path"),
        ('{ env = "A", file = "B" }', "must be a text or say where the secret is"),
        ('{ vault = "A" }', "must be a text or say where the secret is"),
        ("{ env = 3 }", "env must be a name"),
        ("3", "must be a text or say where the secret is"),
        ('" "', "is empty"),
    ],
)
def test_a_secret_that_is_not_where_it_should_be_is_a_problem(
    tmp_path: Path, source: str, message: str
) -> None:
    (tmp_path / "empty").write_text("\n")
    text = GOOD.replace('{ env = "API_TOKEN" }', source.replace("DIR", str(tmp_path)))
    with pytest.raises(ConfigError) as refused:
        loaded(tmp_path, text, environ={"EMPTY": ""})
    assert f"claimx.toml:2: api.token: {message.replace('DIR', str(tmp_path))}\n" in str(refused.value) + "\n"
    assert CANARY not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "environ"),
    [
        ('token = { env = "WHERE" }', {"WHERE": TOKEN}),
        ('token = { file = "DIR/token" }', {}),
        ("", {"CLAIMX_API__TOKEN": TOKEN}),
        ("", {"CLAIMX_API__TOKEN_FILE": "DIR/token"}),
    ],
)
def test_a_secret_is_found_where_it_is_said_to_be(tmp_path: Path, text: str, environ: dict[str, str]) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    body = GOOD.replace('token = { env = "API_TOKEN" }', text).replace("DIR", str(tmp_path))
    got = loaded(
        tmp_path, body, environ={name: value.replace("DIR", str(tmp_path)) for name, value in environ.items()}
    )
    assert got.settings.api.token.reveal() == TOKEN
    assert not got.warnings


def test_a_secret_and_its_file_variable_together_are_a_problem(tmp_path: Path) -> None:
    both = {"CLAIMX_API__TOKEN": TOKEN, "CLAIMX_API__TOKEN_FILE": "x"}
    assert (
        problems(tmp_path, environ=both)[0]
        == "env CLAIMX_API__TOKEN_FILE: api.token: CLAIMX_API__TOKEN is set as well"
    )


def test_set_takes_a_reference_to_a_secret(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    got = loaded(tmp_path, sets=(f'api.token={{ file = "{tmp_path}/token" }}',))
    assert got.settings.api.token.source == f"file {tmp_path}/token"


@pytest.mark.parametrize(
    "text",
    [
        f"[enrich]\nworkers = '{CANARY}'",
        f"[log]\nlevel = '{CANARY}'",
        f"[kafka]\nbootstrap_servers = '{CANARY}'",
        f"[download]\nallowed_hosts = ['https://{CANARY}']",
        f"[process]\ninstance = '{CANARY}/'",
        f"[kafka.client]\nx = ['{CANARY}']",
        f"[lake.storage]\nx = ['{CANARY}']",
        f"kafka = '{CANARY}'",
        f"x = '{CANARY}",
    ],
)
def test_a_secret_in_the_wrong_place_is_not_printed(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        loaded(
            tmp_path,
            f"{text}\n{GOOD}",
            environ={"CLAIMX_UPLOAD__WORKERS": CANARY},
            sets=(CANARY, f"limits.drain_s={CANARY}"),
        )
    assert CANARY not in str(refused.value)


SECRETS = f"""\
[api]
token = "{TOKEN}"
[kafka]
security_protocol = "SASL_SSL"
sasl_mechanism = "PLAIN"
sasl_username = "me"
sasl_password = "{CANARY}"
[kafka.client]
"ssl.key.password" = "{CANARY}"
"ssl.key.location" = "client.key"
[lake]
tables_url = "t"
files_url = "f"
[lake.storage]
aws_secret_access_key = "{CANARY}"
azure_storage_sas_token = {{ env = "SAS" }}
aws_access_key_id = "AKIA"
"""


def test_secrets_are_masked_everywhere_and_literal_ones_are_warned_of(tmp_path: Path) -> None:
    got = loaded(tmp_path, SECRETS, environ={"SAS": CANARY})
    printed = repr(got) + str(got.settings) + "\n".join(map(str, show(got)))
    assert CANARY not in printed
    assert TOKEN not in printed
    warned = [re.sub(r"^.*claimx.toml", "claimx.toml", text).splitlines()[0] for text in got.warnings]
    assert warned == [
        f"claimx.toml:{line}: {key}: a secret stands here in clear"
        for line, key in (
            (2, "api.token"),
            (7, "kafka.sasl_password"),
            (9, "kafka.client.ssl.key.password"),
            (15, "lake.storage.aws_secret_access_key"),
        )
    ]


def test_show_has_every_key_with_its_value_and_origin(tmp_path: Path) -> None:
    shown = {
        line.key: (line.value, line.origin)
        for line in show(loaded(tmp_path, SECRETS, environ={"SAS": CANARY}))
    }
    assert shown["enrich.workers"] == ("512", "default")
    assert shown["kafka.sasl_username"][0] == '"me"'
    assert shown["kafka.client.ssl.key.location"][0] == '"client.key"'
    assert shown["lake.storage.aws_access_key_id"][0] == '"AKIA"'
    value, origin = shown["lake.storage.azure_storage_sas_token"]
    assert value == '"***"'
    assert origin.endswith("claimx.toml:16 (env SAS)")


# where the file and the debug wish come from


def test_the_file_is_the_named_one_then_the_variable_s(tmp_path: Path) -> None:
    assert find_file(Path("a.toml"), {"CLAIMX_CONFIG": "b.toml"}) == Path("a.toml")
    assert find_file(None, {"CLAIMX_CONFIG": "b.toml"}) == Path("b.toml")


@pytest.mark.parametrize(
    ("value", "wanted"), [("1", True), ("yes", True), ("0", False), ("", False), ("false", False)]
)
def test_debug_is_wanted_unless_it_is_denied(value: str, wanted: bool) -> None:
    assert debug_wanted({"CLAIMX_DEBUG": value}) is wanted
    assert debug_wanted({}) is False
