"""What every page of the console has in common: words of permission decide what is seen, and services alone change it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import ShowFacets
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import FieldDoesNotExist, PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from unfold.admin import ModelAdmin

from tenants import actors, marks
from tenants.admin import dialogs
from tenants.admin.keyset import CappedPaginator, KeysetChangeList
from tenants.rules import permissions

#: How a list may be narrowed by a field that it offers: nothing that finds out letter by letter what it does not show.
_COMPARISONS = {"", "exact", "id__exact", "in", "isnull", "gt", "gte", "lt", "lte"}
#: Columns and filters that say nothing to who works in one tenant.
_TENANT = {"tenant", "tenant_name"}


def platform(request: HttpRequest) -> bool:  # noqa: ARG001 - as Django asks
    """Whether who asks is an administrator of the platform."""
    return actors.may(permissions.PLATFORM)


class ConsoleAdmin(ModelAdmin):  # type: ignore[misc]
    """A list by key, and a page for each row with its buttons.

    Nothing is added, changed or deleted by Django's own forms: rows change through services, and the
    audit trail is the services'. Subclasses say how a row is called (:meth:`name_of`), what its page
    shows (:meth:`detail`), and which of its buttons make sense now (:meth:`offered`). Words of permission
    open pages and buttons; what declares none is open to the platform's administrators alone.
    """

    #: What looking takes.
    read_permission = permissions.PLATFORM
    #: What the form for a new row takes; empty where there is none.
    add_permission = ""
    #: What buttons take that say something else where they are declared, and pages of one's own, by name.
    button_permissions: Mapping[str, str] = {}
    #: Fields that an address may ask for although no filter offers them.
    extra_lookups: Collection[str] = ()
    #: Whether the rows are the installation's: its people see all of them, also while they look at one tenant.
    shared = False

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

    def may_look(self) -> bool:
        """Whether who asks may see these pages."""
        return actors.may(self.read_permission)

    def allows(self, needed: str, row: Any = None) -> bool:
        """Whether who asks may do what takes this word, at all or to a row."""
        return actors.may(needed, owner=self._owner(needed, row))

    def require(self, needed: str, row: Any = None) -> None:
        """Refuse unless they may."""
        actors.require(needed, owner=self._owner(needed, row))

    def _owner(self, needed: str, row: Any) -> str | None:
        return self.owner_of(row) if row is not None and needed == "jobs:write" else None

    def owner_of(self, row: Any) -> str | None:
        """Whose a row is, for editors of own jobs; None for what has no owner."""
        return None

    def needs(self, button: str) -> str:
        """The word of permission that a button or a page of one's own takes."""
        return self.button_permissions.get(button) or str(
            getattr(getattr(self, button, None), "permission", self.read_permission)
        )

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.may_look()

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may_look()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.may_look() and bool(self.add_permission) and self.allows(self.add_permission)

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
        offered = self.offered(row) if row is not None else ()
        wanted = {prefix + name for name in offered if self.allows(self.needs(name), row)}
        return [action for action in super().get_actions_detail(request, object_id) if action.action_name in wanted]

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        found: dict[str, Any] = super().get_actions(request)
        return {
            name: action
            for name, action in found.items()
            if self.allows(getattr(action[0], "permission", permissions.PLATFORM))
        }

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        return [column for column in super().get_list_display(request) if not _is_needless(column)]

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        return [entry for entry in super().get_list_filter(request) if not _is_needless(_name_of(entry))]

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Only what a filter offers: Django would let an address ask for any field, also for one that is not shown."""
        name, _, comparison = lookup.partition("__")
        if name in {*map(_name_of, self.list_filter), *self.extra_lookups}:
            return comparison in _COMPARISONS
        try:
            self.opts.get_field(name)
        except FieldDoesNotExist:
            return comparison in ("", "exact")  # a filter's own word, or nothing
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context = {"title": self.title, "crumbs": [(self.title, "")]}
        answer: HttpResponse = super().changelist_view(request, {**context, **(extra_context or {})})
        return answer

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        self.require_look()
        row = self.row(request, object_id)
        if row is None:
            return self.gone(request, object_id)
        name = self.name_of(row)
        context = {
            "title": name,
            "subtitle": None,
            "crumbs": [(self.title, self.list_url()), (name, "")],
            "trail": self.has_trail and actors.may("audit:read"),
        }
        context |= self.detail(request, row)
        answer: HttpResponse = super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})
        return answer

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        self.require_look()
        if self.add_permission:
            self.require(self.add_permission)
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
        self.require_look()
        self.require("audit:read")
        found = f"?object_type={self.opts.db_table}&object_id={unquote(object_id)}"
        return redirect(reverse("admin:tenants_auditevent_changelist") + found)

    def require_look(self) -> None:
        """Refuse who may not see these pages."""
        self.require(self.read_permission)
        if not self.may_look():
            raise PermissionDenied

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
    """A link to the console's page of a row; its name alone for who may not open that."""
    page: Any = admin.site.get_model_admin(type(row))
    return marks.link(page_of(type(row), row.pk), name) if page.may_look() else name


def _is_needless(name: Any) -> bool:
    return name in _TENANT and actors.current().tenant is not None


def _name_of(entry: Any) -> str:
    """What a filter of a list is called in addresses."""
    if isinstance(entry, str):
        return entry
    return str(entry[0]) if isinstance(entry, list | tuple) else str(entry.parameter_name)
