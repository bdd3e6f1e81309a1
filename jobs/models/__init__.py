"""Definitions, executions and what surrounds them."""

from jobs.models.approval import Approval
from jobs.models.artifact import Artifact, ArtifactState
from jobs.models.attempt import Attempt, AttemptState
from jobs.models.bookmark import Bookmark
from jobs.models.calendar import Calendar, CalendarKind
from jobs.models.channel_message import ChannelCursor, ChannelMessage
from jobs.models.dead_letter import DeadLetter, DeadLetterState
from jobs.models.dependency import Dependency, DependencyMode
from jobs.models.event import Event
from jobs.models.execution import Execution, TriggerKind
from jobs.models.execution_log import ExecutionLog
from jobs.models.executor import Executor, ExecutorState
from jobs.models.failure_resolution import FailureResolution
from jobs.models.hook import Hook
from jobs.models.job import Duplicate, Job, JobState, Overlap
from jobs.models.job_revision import JobRevision
from jobs.models.job_secret import JobSecret
from jobs.models.job_tag import JobTag
from jobs.models.job_template import JobTemplate
from jobs.models.maintenance_window import Action, MaintenanceWindow, Scope
from jobs.models.operation import Operation
from jobs.models.pulse import Pulse
from jobs.models.queue import Queue
from jobs.models.quota_room import QuotaRoom
from jobs.models.rate_bucket import RateBucket
from jobs.models.received_event import ReceivedEvent
from jobs.models.schedule import Misfire, Schedule, ScheduleState
from jobs.models.tag import Tag
from jobs.models.usage import UsageCursor, UsageDay
from jobs.models.worker import Worker
from jobs.models.workflow_run import WorkflowRun

__all__ = [
    "Action",
    "Approval",
    "Artifact",
    "ArtifactState",
    "Attempt",
    "AttemptState",
    "Bookmark",
    "Calendar",
    "CalendarKind",
    "ChannelCursor",
    "ChannelMessage",
    "DeadLetter",
    "DeadLetterState",
    "Dependency",
    "DependencyMode",
    "Duplicate",
    "Event",
    "Execution",
    "ExecutionLog",
    "Executor",
    "ExecutorState",
    "FailureResolution",
    "Hook",
    "Job",
    "JobRevision",
    "JobSecret",
    "JobState",
    "JobTag",
    "JobTemplate",
    "MaintenanceWindow",
    "Misfire",
    "Operation",
    "Overlap",
    "Pulse",
    "Queue",
    "QuotaRoom",
    "RateBucket",
    "ReceivedEvent",
    "Schedule",
    "ScheduleState",
    "Scope",
    "Tag",
    "TriggerKind",
    "UsageCursor",
    "UsageDay",
    "Worker",
    "WorkflowRun",
]
