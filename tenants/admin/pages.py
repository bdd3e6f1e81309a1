"""What every page of the console has in common: for the platform's people, to look at, and changed by services alone."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.contrib import messages
from django.contrib.admin import ShowFacets
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from unfold.admin import ModelAdmin

from tenants import marks
from tenants.admin import dialogs
from tenants.admin.keyset import CappedPaginator, KeysetChangeList


def platform(request: HttpRequest) -> bool:
    """Only the platform's administrators: to others row-level security shows no tenant's row, and these pages nothing."""
    return bool(request.user.is_active and request.user.is_superuser)


class ConsoleAdmin(ModelAdmin):  # type: ignore[misc]
    """A list by key, and a page for each row with its buttons.

    Nothing is added, changed or deleted by Django's own forms: rows change through services, and the
    audit trail is the services'. Subclasses say how a row is called (:meth:`name_of`), what its page
    shows (:meth:`detail`), and which of its buttons make sense now (:meth:`offered`).
    """

    title = ""
    #: What an empty list says about how rows come here.
    empty_hint = ""
    add_label = "Add"
    #: Whether people change such rows, so that the audit trail tells of them.
    has_trail = True
    change_form_template = "console/detail.html"
    fieldsets = ((None, {"fields": ()}),)
    ordering: tuple[str, ...] = ("-pk",)
    list_per_page = 50
    list_fullwidth = True
    list_filter_submit = True
    show_full_result_count = False
    show_facets = ShowFacets.NEVER  # a count for each choice of each filter, over all that is stored
    sortable_by = ()
    paginator = CappedPaginator
    changelist_class: type[Any] = KeysetChangeList

    def has_module_permission(self, request: HttpRequest) -> bool:
        return platform(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return platform(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def name_of(self, row: Any) -> str:
        """How a row is called in headings and messages."""
        return str(row)

    def detail(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """What the page of a row shows: ``facts``, a list of (label, value), and whatever its template wants."""
        return {"facts": []}

    def offered(self, row: Any) -> Collection[str]:
        """Names of the buttons that make sense for a row as it stands."""
        return self._extract_action_names(self.actions_detail)  # type: ignore[no-any-return]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[Any]:
        return self.changelist_class

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        # Buttons, page and heading each ask for it: one query is enough.
        known: dict[tuple[str, str], Any] = request.__dict__.setdefault("console_rows", {})
        key = (self.opts.label, str(object_id))
        if key not in known:
            known[key] = super().get_object(request, object_id, from_field)
        return known[key]

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        row = self.row(request, str(object_id))
        prefix = f"{self.opts.app_label}_{self.opts.model_name}_"
        wanted = {prefix + name for name in self.offered(row)} if row is not None else set()
        return [action for action in super().get_actions_detail(request, object_id) if action.action_name in wanted]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context = {"title": self.title, "crumbs": [(self.title, "")]}
        answer: HttpResponse = super().changelist_view(request, {**context, **(extra_context or {})})
        return answer

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = self.row(request, object_id)
        if row is None:
            return self.gone(request, object_id)
        name = self.name_of(row)
        context = {"title": name, "subtitle": None, "crumbs": [(self.title, self.list_url()), (name, "")]}
        context |= self.detail(request, row)
        answer: HttpResponse = super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})
        return answer

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        return self.add_page(request)

    def add_page(self, request: HttpRequest) -> HttpResponse:
        """The form for a new row, where there is one: with :meth:`has_add_permission`."""
        raise NotImplementedError

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The audit trail has it."""
        found = f"?object_type={self.opts.db_table}&object_id={unquote(object_id)}"
        return redirect(reverse("admin:tenants_auditevent_changelist") + found)

    def list_url(self) -> str:
        """The list."""
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")

    def row_url(self, pk: Any) -> str:
        """The page of a row."""
        return page_of(self.model, pk)

    def row(self, request: HttpRequest, object_id: str) -> Any:
        """The row a URL names, or None."""
        return self.get_object(request, unquote(object_id))

    def gone(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Say that there is no such row, on the list where the others are."""
        messages.warning(request, f"There is no {object_id} here, or no longer.")
        return redirect(self.list_url())

    def done(self, request: HttpRequest, message: str, url: str) -> HttpResponse:
        """Say what happened, on the page that shows it."""
        messages.success(request, message)
        return dialogs.go(request, url)

    def for_list(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows of the list with all that it shows, so that a page is a fixed number of queries."""
        return queryset

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        match = request.resolver_match
        return (
            self.for_list(rows)
            if match and match.url_name == f"{self.opts.app_label}_{self.opts.model_name}_changelist"
            else rows
        )


def page_of(model: type[Model], pk: Any) -> str:
    """The console's page of a row."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[quote(pk)])


def link_to(row: Model, name: Any) -> Any:
    """A link to the console's page of a row."""
    return marks.link(page_of(type(row), row.pk), name)
