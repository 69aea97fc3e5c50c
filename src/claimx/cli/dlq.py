"""``claimx dlq``: list, inspect, replay, purge and export dead letters."""

from pathlib import Path
from typing import Annotated

import typer

from claimx.cli.asking import Asker
from claimx.cli.dlq_help import EXPORT_HELP, INSPECT_HELP, LIST_HELP, PURGE_HELP, REPLAY_HELP
from claimx.cli.dlq_options import (
    ClassOption,
    CodeOption,
    EventOption,
    IdsArgument,
    MediaOption,
    ProjectOption,
    SinceOption,
    StageOption,
    TopicOption,
    UntilOption,
    letter_filter,
    must_choose,
)
from claimx.cli.failures import UsageError
from claimx.cli.options import (
    ConfigOption,
    DryRunOption,
    Listing,
    ListingOption,
    Output,
    OutputOption,
    SetOption,
    SettingsSource,
    YesOption,
    help_alone,
)
from claimx.cli.words import per_second
from claimx.config.options import GroupBy, ListOptions, PurgeOptions, ReplayOptions

dlq = typer.Typer(invoke_without_command=True)


@dlq.callback()
def group(context: typer.Context) -> None:
    """List, inspect, replay, purge and export dead letters."""
    help_alone(context)


@dlq.command("list", help=LIST_HELP, short_help="Say which dead letters are open.")
def list_(
    event: EventOption = None,
    media: MediaOption = None,
    project: ProjectOption = None,
    error_class: ClassOption = None,
    code: CodeOption = None,
    stage: StageOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    topic: TopicOption = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Those that were replayed or purged, too.")
    ] = False,
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=1, metavar="N", help="Show so many, the newest; 50 unless jsonl."),
    ] = None,
    group_by: Annotated[
        GroupBy | None, typer.Option("--group-by", help="Count by class, code, stage or project.")
    ] = None,
    fail_if_any: Annotated[bool, typer.Option("--fail-if-any", help="Exit 3 if there is one.")] = False,
    config: ConfigOption = None,
    set_: SetOption = None,
    output: ListingOption = Listing.TEXT,
) -> int:
    """Say which dead letters are open."""
    if group_by is not None and output is Listing.JSONL:
        raise UsageError("--group-by has no jsonl", "use -o json")
    chosen = letter_filter(
        event=event,
        media=media,
        project=project,
        error_class=error_class,
        code=code,
        stage=stage,
        since=since,
        until=until,
        topic=topic,
    )
    options = ListOptions(
        include_done=everything, limit=limit, group_by=group_by, fail_if_any=fail_if_any, output=output.value
    )
    from claimx.app import dlq as app

    return app.list_letters(SettingsSource(config, set_), chosen, options)


@dlq.command(help=INSPECT_HELP, short_help="Show all of one dead letter.")
def inspect(
    id_: Annotated[str, typer.Argument(metavar="ID", help="Its id, or the first 8 characters or more.")],
    config: ConfigOption = None,
    set_: SetOption = None,
    output: OutputOption = Output.TEXT,
) -> int:
    """Show one dead letter."""
    (whole,) = letter_filter([id_]).ids
    from claimx.app import dlq as app

    return app.inspect(SettingsSource(config, set_), whole, output.value)


@dlq.command(help=REPLAY_HELP, short_help="Put dead letters back to the topic of their stage.")
def replay(
    ids: IdsArgument = None,
    event: EventOption = None,
    media: MediaOption = None,
    project: ProjectOption = None,
    error_class: ClassOption = None,
    code: CodeOption = None,
    stage: StageOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    topic: TopicOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Every open dead letter.")] = False,
    rate: Annotated[
        str | None, typer.Option("--rate", metavar="N/s", help="At most so many, as in 20/s or 90/m.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--max", min=1, metavar="N", help="At most so many letters.")
    ] = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    config: ConfigOption = None,
    set_: SetOption = None,
    output: OutputOption = Output.TEXT,
) -> int:
    """Put dead letters back."""
    chosen = letter_filter(
        ids,
        event=event,
        media=media,
        project=project,
        error_class=error_class,
        code=code,
        stage=stage,
        since=since,
        until=until,
        topic=topic,
    )
    must_choose(chosen, everything=everything, verb="replay")
    options = ReplayOptions(rate_per_s=per_second(rate), limit=limit, dry_run=dry_run, output=output.value)
    from claimx.app import dlq as app

    return app.replay(SettingsSource(config, set_), chosen, options, Asker(yes=yes))


@dlq.command(help=PURGE_HELP)
def purge(
    event: EventOption = None,
    media: MediaOption = None,
    project: ProjectOption = None,
    error_class: ClassOption = None,
    code: CodeOption = None,
    stage: StageOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    older_than: Annotated[
        str | None, typer.Option("--older-than", metavar="AGE", help="As in 30d; the same as --until 30d.")
    ] = None,
    topic: TopicOption = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every open dead letter, and what was replayed.")
    ] = False,
    export_file: Annotated[
        Path | None, typer.Option("--export", metavar="FILE", help="Write them to a new file first.")
    ] = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    config: ConfigOption = None,
    set_: SetOption = None,
    output: OutputOption = Output.TEXT,
) -> int:
    """Give dead letters up."""
    if until is not None and older_than is not None:
        raise UsageError("--until and --older-than say the same", "give one of them")
    chosen = letter_filter(
        event=event,
        media=media,
        project=project,
        error_class=error_class,
        code=code,
        stage=stage,
        since=since,
        until=until or older_than,
        topic=topic,
    )
    must_choose(chosen, everything=everything, verb="purge")
    options = PurgeOptions(export=export_file, dry_run=dry_run, output=output.value)
    from claimx.app import dlq as app

    return app.purge(SettingsSource(config, set_), chosen, options, Asker(yes=yes))


@dlq.command(help=EXPORT_HELP, short_help="Write dead letters as JSON lines.")
def export(
    path: Annotated[Path, typer.Argument(metavar="[FILE]", help="A new file; - is stdout.")] = Path("-"),
    event: EventOption = None,
    media: MediaOption = None,
    project: ProjectOption = None,
    error_class: ClassOption = None,
    code: CodeOption = None,
    stage: StageOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    topic: TopicOption = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Those that were replayed or purged, too.")
    ] = False,
    config: ConfigOption = None,
    set_: SetOption = None,
) -> int:
    """Write dead letters as JSON lines."""
    chosen = letter_filter(
        event=event,
        media=media,
        project=project,
        error_class=error_class,
        code=code,
        stage=stage,
        since=since,
        until=until,
        topic=topic,
    )
    from claimx.app import dlq as app

    target = None if path == Path("-") else path
    return app.export(SettingsSource(config, set_), chosen, target, include_done=everything)
