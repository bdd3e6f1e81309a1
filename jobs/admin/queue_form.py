"""What an operator may say of a queue, as a form. The service checks it and refuses by field."""

from __future__ import annotations

from django import forms
from unfold import widgets

from jobs.models import Queue
from jobs.models.queue import MOST_IN_A_MESSAGE, Pool
from tenants.admin import throttling
from tenants.admin.dialogs import Editing

_POOLS = [
    (Pool.PREFORK.value, "prefork: a process each"),
    (Pool.THREADS.value, "threads: many that wait at once"),
    (Pool.EXTERNAL.value, "external: tenants' own executors, which claim over HTTP"),
]


class Fields(Editing, throttling.Rate):
    """All but the name."""

    pool = forms.ChoiceField(
        choices=_POOLS,
        initial=Pool.PREFORK,
        widget=widgets.UnfoldAdminSelectWidget,
        help_text="What its workers run jobs in: processes every job type, threads those that allow it. External: no worker, and jobs of the type external alone. "
        "It can change only while no job uses the queue.",
    )
    batch_size = forms.IntegerField(
        min_value=1,
        max_value=MOST_IN_A_MESSAGE,
        initial=Queue._meta.get_field("batch_size").default,
        label="Most in one message",
        widget=widgets.UnfoldAdminIntegerFieldWidget,
        help_text=f"How many executions of short jobs may travel together when the queue is deep, up to {MOST_IN_A_MESSAGE}. "
        "1 switches it off: choose that where few jobs may run twice after a crash.",
    )
    max_running = forms.IntegerField(
        min_value=1,
        required=False,
        label="Most in flight",
        widget=widgets.UnfoldAdminIntegerFieldWidget,
        help_text="Executions of all tenants queued or running at once. Empty for no cap.",
    )
    ageing_seconds = forms.IntegerField(
        min_value=10,
        max_value=86_400,
        required=False,
        initial=Queue._meta.get_field("ageing_seconds").default,
        label="Waiting raises after, in seconds",
        widget=widgets.UnfoldAdminIntegerFieldWidget,
        help_text="What has waited so long rises by a step of priority within its tenant, and again. Empty: never.",
    )
    field_order: tuple[str, ...] = ("pool", "batch_size", "max_running", "rate_limit", "rate_burst", "ageing_seconds")


class NewQueue(Fields):
    """A queue to be."""

    name = forms.CharField(
        max_length=63,
        widget=widgets.UnfoldAdminTextInputWidget,
        help_text="It cannot be changed later. Small letters, digits and single hyphens, such as nightly-reports.",
    )
    field_order = ("name", *Fields.field_order)
