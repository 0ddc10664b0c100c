"""The command `deskpulse`: reads its words and hands over to the program or the module that does the work."""

import json
import logging
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from schemas.codec import Millis, millis
from services.config import Settings
from services.errors import DeskpulseError, Misconfigured, Unavailable

app = typer.Typer(
    name="deskpulse",
    help="Streaming KPIs for contact centres: from a helpdesk's webhook to the wall within a second.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
_errors = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)

PolicyOption = Annotated[Path | None, typer.Option("--policy", help="YAML or JSON, laid over the defaults.")]


def run(words: Sequence[str], environ: Mapping[str, str]) -> int:
    """Carry out a command line.

    Args:
        environ: The environment that the settings are read from.

    Returns:
        The exit code: 0, 1 for what the user has to mend, 2 for a command line that is not understood, 75 when a
        neighbour is away and the same may work later.
    """
    try:
        app(list(words), prog_name="deskpulse", obj=environ)
    except SystemExit as over:
        return over.code if isinstance(over.code, int) else 0
    except DeskpulseError as error:
        _errors.print(f"deskpulse: {error}")
        return 75 if isinstance(error, Unavailable) else 1
    except BrokenPipeError:  # such as `deskpulse compute ... | head`
        sys.stderr.close()
    return 0


def _settings(context: typer.Context) -> Settings:
    return Settings.from_env(context.find_root().obj)


def _program_settings(context: typer.Context) -> Settings:
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s %(facts)s")
    for handler in logging.getLogger().handlers:
        handler.addFilter(_with_facts)
    logging.getLogger("services").setLevel(logging.INFO)
    return _settings(context)


_PLAIN_RECORD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "facts"}


def _with_facts(record: logging.LogRecord) -> bool:
    """A log line is a fixed phrase, and the facts beside it; line ends in them stay visible as such."""
    facts = {name: value for name, value in vars(record).items() if name not in _PLAIN_RECORD}
    record.facts = " ".join(f"{name}={str(value)!r}" for name, value in facts.items())
    return True


@app.command()
def up(
    context: typer.Context,
    simulator: Annotated[bool, typer.Option(help="Simulated traffic, so that the wall lives.")] = True,
) -> None:
    """Start the whole system on this machine, with a broker and a store of its own unless others are named."""
    from services.up import main

    main(_settings(context), simulator=simulator)


@app.command()
def gateway(context: typer.Context) -> None:
    """Run the gateway: helpdesk webhooks in, events out."""
    from services.gateway.app import main

    main(_program_settings(context))


@app.command()
def processor(context: typer.Context) -> None:
    """Run a worker: events in, state out. Start as many as there are cores, up to the number of partitions."""
    from services.processor.app import main

    main(_program_settings(context))


@app.command()
def board(context: typer.Context) -> None:
    """Run the board: the wall, the API and /metrics."""
    from services.board.app import main

    main(_program_settings(context))


@app.command()
def notify(
    context: typer.Context,
    test: Annotated[
        str | None, typer.Option(metavar="NAME", help="Send this endpoint one test message, and say what came back.")
    ] = None,
) -> None:
    """Run the notifier: signals in, signed webhooks out, for pagers and chats."""
    environ = context.find_root().obj
    if test is None:
        from services.notifier.app import main

        main(_program_settings(context), environ)
        return
    from services.notifier.app import endpoints_of
    from services.notifier.trial import try_endpoint

    if not try_endpoint(endpoints_of(_settings(context), environ), test, typer.echo):
        raise typer.Exit(1)


@app.command()
def simulate(
    context: typer.Context,
    to: Annotated[
        str | None, typer.Option(help="Write events to this file; .gz is packed, - is standard output.")
    ] = None,
    days: Annotated[float, typer.Option(help="With --to: how many days.")] = 1.0,
    until: Annotated[str | None, typer.Option(help="With --to: when they end; now, when left out.")] = None,
    faults: Annotated[float, typer.Option(help="With --to: the share of events sent twice, or late.")] = 0.0,
) -> None:
    """Simulate a contact centre: live, through the gateway, or into a file of events."""
    if to is None:
        from services.simulator.app import main

        main(_program_settings(context))
        return
    from services.simulator.to_file import write_events

    settings = _settings(context)
    try:
        write_events(
            to,
            days=days,
            until=datetime.now(UTC) if until is None else _time(until),
            seed=settings.simulator_seed,
            tickets_per_day=settings.simulator_tickets_per_day,
            faults=faults,
        )
    except ValueError as error:
        raise Misconfigured(str(error)) from None


@app.command()
def compute(
    events: Annotated[str, typer.Argument(help="NDJSON, one event a line, also .gz; - is standard input.")],
    policy: PolicyOption = None,
    against: Annotated[
        Path | None, typer.Option(help="Another policy: show which promises are kept and broken under each.")
    ] = None,
    as_of: Annotated[str | None, typer.Option(help="When to look from; the newest event, when left out.")] = None,
    only: Annotated[str | None, typer.Option(help="Just these figures, separated by commas.")] = None,
    backlog_at: Annotated[list[str] | None, typer.Option(help="When to count the backlog; may be repeated.")] = None,
    window: Annotated[tuple[str, str] | None, typer.Option(help="From when to when agents are measured.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 at a line that is no event.")] = False,
    kpis: Annotated[bool, typer.Option("--kpis", help="Answer as /api/v1/kpis does.")] = False,
    windows: Annotated[str | None, typer.Option(help="With --kpis, --variants, --against: such as 28d.")] = None,
    by: Annotated[str | None, typer.Option(help="With --kpis: a cut, such as queue,agent.")] = None,
    kpi: Annotated[str | None, typer.Option(help="With --kpis: just these, separated by commas.")] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(help="With --kpis or --against: only this, such as queue=billing; may be repeated."),
    ] = None,
    limit: Annotated[
        str | None, typer.Option(help="With --kpis: how many groups of a cut; with --against, how many tickets.")
    ] = None,
    variants: Annotated[
        bool, typer.Option("--variants", help="Show what each vendor's meaning of a figure would change.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --variants or --against: one JSON document.")] = False,
) -> None:
    """Compute every figure from a file of events, with the same core as the live way, and print one JSON document."""
    from services.adapters.policy_file import load_policy
    from services.commands.against import SHOWN, show_against
    from services.commands.compute import FIGURES, Question, Window, figures, read_file
    from services.commands.kpis import Words, asked, kpi_document
    from services.commands.variants import show_variants
    from services.core.rules import Rules

    wanted = None if only is None else frozenset(name.strip() for name in only.split(","))
    if unknown := sorted((wanted or frozenset()) - set(FIGURES)):
        raise Misconfigured(f"--only does not know {', '.join(unknown)}; known: {', '.join(FIGURES)}")
    rules = Rules(load_policy(policy))
    words = Words(windows=windows, by=by, kpi=kpi, limit=limit, where=tuple(where or ()))
    other = None if against is None else Rules(load_policy(against))
    put = asked(words, rules.policy, kpis=kpis, variants=variants, against=other is not None)
    facts, skipped = read_file(events, _errors.print)
    at = max((fact.at for fact in facts), default=0) if as_of is None else _instant(as_of)
    if put is None:
        question = Question(
            as_of=at,
            backlog_at=tuple(_instant(text) for text in backlog_at or ()),
            window=None if window is None else Window(_instant(window[0]), _instant(window[1])),
            only=wanted,
        )
        _print_json(figures(facts, rules, question))
    elif variants:
        show_variants(facts, rules, put.windows, at, print_json=_print_json if as_json else None)
    elif other is not None:
        shown = put.limit if limit else SHOWN
        show_against(facts, (rules, other), put, at, limit=shown, print_json=_print_json if as_json else None)
    else:
        _print_json(kpi_document(facts, rules, put, at))
    if strict and skipped:
        raise typer.Exit(1)


@app.command()
def explain(
    context: typer.Context,
    ticket: Annotated[str, typer.Argument(help="Its key: tenant/source/id, /source/id, or the bare id.")],
    events: Annotated[
        str | None, typer.Option(help="NDJSON, also .gz; - is standard input. Left out: the store of the settings.")
    ] = None,
    policy: PolicyOption = None,
    as_of: Annotated[
        str | None, typer.Option(help="When to look from; left out: now, or the newest event of the file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document, as /api/v1/tickets/{key}.")] = False,
) -> None:
    """Say why a ticket's figures are what they are: its timeline, its clocks, and what it adds to which KPI."""
    from services.commands.explain import explain

    explain(
        ticket,
        context.find_root().obj,
        events=events,
        policy=policy,
        as_of=None if as_of is None else _instant(as_of),
        as_json=as_json,
        warn=_errors.print,
    )


@app.command()
def replay(
    context: typer.Context,
    policy: PolicyOption = None,
    namespace: Annotated[str, typer.Option(help="Where to build it, beside the live state.")] = "whatif",
    follow: Annotated[bool, typer.Option(help="Stay, and keep it up to date until Ctrl-C.")] = True,
    anew: Annotated[bool, typer.Option("--anew", help="First delete what the namespace holds.")] = False,
) -> None:
    """Build another state beside the live one, from the same log, under another policy. It can be broken off."""
    from services.commands.replay import Wanted, replay

    settings = _program_settings(context)
    logging.getLogger("services").setLevel(logging.WARNING)
    if code := replay(settings, Wanted(namespace, policy, follow, anew), Console(highlight=False, soft_wrap=True)):
        raise typer.Exit(code)


@app.command()
def switch(
    context: typer.Context,
    namespace: Annotated[str | None, typer.Argument(help="The namespace to make live.")] = None,
    back: Annotated[bool, typer.Option("--back", help="The one that was live before.")] = False,
) -> None:
    """Make the state of another namespace the live one: processors and boards go there without a gap."""
    from services.commands.switch import switch

    if back == (namespace is not None):
        raise Misconfigured("name the namespace to make live, or say --back for the one that was live before")
    switch(_settings(context), namespace, Console(highlight=False, soft_wrap=True))


@app.command()
def forget(
    context: typer.Context,
    namespace: Annotated[str, typer.Argument(help="Whose state to delete; the live one is refused.")],
) -> None:
    """Delete the state of a namespace that is not live, such as what `replay` built."""
    from services.commands.forget import forget

    forget(_settings(context), namespace, Console(highlight=False, soft_wrap=True))


@app.command()
def cases(
    files: Annotated[list[Path], typer.Argument(help="Case files: events in, values out.")],
    case_id: Annotated[str | None, typer.Option("--id", help="Run just this case.")] = None,
) -> None:
    """Run case files and show each difference; the last line reads `N passed, M failed`."""
    from services.commands.cases import run_file

    passed = failed = 0
    for outcome in (outcome for file in files for outcome in run_file(file, case_id)):
        if outcome.differences:
            failed += 1
            typer.echo(f"{outcome.id} failed: {outcome.title}")
            for difference in outcome.differences:
                typer.echo(f"    {difference}")
        else:
            passed += 1
    if case_id is not None and not passed + failed:
        raise Misconfigured(f"no case has the id {case_id}")
    typer.echo(f"{passed} passed, {failed} failed")
    if failed:
        raise typer.Exit(1)


@app.command()
def translate(
    vendor: Annotated[str, typer.Argument(help="Such as zendesk.")],
    body: Annotated[Path, typer.Argument(help="The body of a delivery, byte for byte.")],
    headers: Annotated[Path | None, typer.Option(help="JSON: its headers, or an object that has them.")] = None,
    tenant: Annotated[str, typer.Option(help="Whose helpdesk it is.")] = "example",
) -> None:
    """Print the events that a helpdesk's delivery becomes."""
    from services.commands.translate import events_of

    for event in events_of(vendor, body, headers, tenant):
        typer.echo(event)


@app.command()
def check(
    context: typer.Context,
    policy: PolicyOption = None,
) -> None:
    """Say what is wrong with the settings and the policy file, by line."""
    from services.commands.check import faults

    found = faults(context.find_root().obj, policy)
    for fault in found:
        typer.echo(fault)
    if not found:
        typer.echo("The settings and the policy are right.")
    if found:
        raise typer.Exit(1)


@app.command()
def schema(
    name: Annotated[str | None, typer.Argument(help="events or policy; the names, when left out.")] = None,
) -> None:
    """Print the JSON Schema of what travels between programs."""
    from schemas.generate import SCHEMAS, generated

    if name is None:
        typer.echo("\n".join(SCHEMAS))
    elif name in SCHEMAS:
        typer.echo(generated(name), nl=False)
    else:
        raise Misconfigured(f"there is no schema {name}; there are: {', '.join(SCHEMAS)}")


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise Misconfigured(f"{text!r} is no time; a time is such as 2026-03-02T09:00:00Z") from None
    if time.tzinfo is None:
        raise Misconfigured(f"{text} has no time zone; write {text}Z for UTC")
    return time


def _instant(text: str) -> Millis:
    return millis(_time(text))


def _print_json(document: Mapping[str, Any]) -> None:
    json.dump(document, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")
