"""The decorators and the class by which code says what jobs may call, and which jobs there shall be."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar, TypedDict, TypeVar, Unpack, overload

from jobs.callables import registry
from jobs.callables.registry import DeclaredJob, Registered

F = TypeVar("F", bound=Callable[..., Any])

#: A cron expression, an interval, or an object as the API takes it.
Schedule = str | timedelta | Mapping[str, Any]
Schedules = Schedule | Sequence[Schedule]


class JobOptions(TypedDict, total=False):
    """What may be said of the job beside its schedule; what is left out is as the API has it."""

    timezone: str
    retry: Mapping[str, Any]
    category: str
    timeout: float | timedelta
    queue: str
    priority: int
    max_running: int | None
    overlap: str
    tags: Sequence[str]
    owner: str
    payload: Mapping[str, Any]
    #: Names of jobs that come before it, or objects as the API takes them.
    depends_on: Sequence[str | Mapping[str, Any]]


@overload
def job_handler(function: F) -> F: ...
@overload
def job_handler(*, name: str = "") -> Callable[[F], F]: ...
def job_handler(function: F | None = None, *, name: str = "") -> F | Callable[[F], F]:
    """Let jobs call this function. It stays the function it is."""

    def register(function: F) -> F:
        registry.register(_entry(function, name))
        return function

    return register(function) if function is not None else register


def scheduled_job(schedule: Schedules, *, name: str = "", **options: Unpack[JobOptions]) -> Callable[[F], F]:
    """Let jobs call this function, and declare one that does: ``manage.py sync_jobs`` makes it."""

    def register(function: F) -> F:
        registry.register(_entry(function, name, _declared(schedule, options)))
        return function

    return register


class ScheduledJob:
    """The same as a class: a subclass with a ``run`` is a callable, and with a ``schedule`` a job as well.

    An instance is made for each call. Attributes are inherited, but for ``name``.
    """

    schedule: ClassVar[Schedules] = ()
    name: ClassVar[str]
    timezone: ClassVar[str]
    retry: ClassVar[Mapping[str, Any]]
    category: ClassVar[str]
    timeout: ClassVar[float | timedelta]
    queue: ClassVar[str]
    priority: ClassVar[int]
    max_running: ClassVar[int | None]
    overlap: ClassVar[str]
    tags: ClassVar[Sequence[str]]
    owner: ClassVar[str]
    payload: ClassVar[Mapping[str, Any]]
    depends_on: ClassVar[Sequence[str | Mapping[str, Any]]]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        run = getattr(cls, "run", None)
        if run is None:
            return  # a base of others
        job = _declared(cls.schedule, _options_of(cls)) if cls.schedule else None
        registry.register(
            Registered(
                name=vars(cls).get("name") or _dotted(cls),
                function=_of_new_instance(cls),
                description=registry.first_paragraph(cls.__doc__),
                origin=_dotted(cls),
                job=job,
            )
        )


def _entry(function: Callable[..., Any], name: str, job: DeclaredJob | None = None) -> Registered:
    if not inspect.isfunction(function):
        raise RuntimeError(f"{function!r} is no function: decorate a function, or write a class of ScheduledJob")
    origin = _dotted(function)
    return Registered(name or origin, function, registry.first_paragraph(function.__doc__), origin, job)


def _dotted(definition: Any) -> str:
    return f"{definition.__module__}:{definition.__qualname__}"


def _options_of(cls: type[ScheduledJob]) -> JobOptions:
    options: JobOptions = {}
    for option in JobOptions.__annotations__:
        if hasattr(cls, option):
            options[option] = getattr(cls, option)  # type: ignore[literal-required]
    return options


def _of_new_instance(cls: type[ScheduledJob]) -> Callable[..., Any]:
    """``run`` of a fresh instance, with run's signature but for self."""
    run: Callable[..., Any] = cls.run  # type: ignore[attr-defined]

    def call(*args: Any, **kwargs: Any) -> Any:
        return run(cls(), *args, **kwargs)

    signature = inspect.signature(run)
    call.__signature__ = signature.replace(parameters=list(signature.parameters.values())[1:])  # type: ignore[attr-defined]
    call.__wrapped__ = run  # type: ignore[attr-defined] # whose module its annotations are read in
    call.__annotations__ = run.__annotations__
    return call


def _declared(schedule: Schedules, options: JobOptions) -> DeclaredJob:
    if unknown := sorted(set(options) - set(JobOptions.__annotations__)):
        raise RuntimeError(f"{', '.join(unknown)}: unknown; a job takes {', '.join(JobOptions.__annotations__)}")
    fields: dict[str, Any] = dict(options)
    timezone = fields.pop("timezone", None)
    if "timeout" in fields:
        timeout = fields.pop("timeout")
        fields["timeout_seconds"] = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
    if "depends_on" in fields:
        fields["depends_on"] = [{"job": one} if isinstance(one, str) else dict(one) for one in fields["depends_on"]]
    each = schedule if isinstance(schedule, list | tuple) else [schedule]
    return DeclaredJob(fields, [_rule(one, timezone) for one in each])


def _rule(schedule: Any, timezone: str | None) -> dict[str, Any]:
    rule: dict[str, Any]
    if isinstance(schedule, str):
        rule = {"kind": "cron", "expression": schedule}
    elif isinstance(schedule, timedelta):
        if schedule % timedelta(seconds=1):
            raise RuntimeError(f"{schedule} is not a schedule: an interval has whole seconds")
        rule = {"kind": "interval", "interval_seconds": schedule // timedelta(seconds=1)}
    else:
        rule = dict(schedule)
    return {"timezone": timezone, **rule} if timezone else rule
