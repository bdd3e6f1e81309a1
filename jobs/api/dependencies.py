"""``/dependencies``: what comes before what."""

# ruff: noqa: ARG002 - DRF hands request and path to every action

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import dependency_graphs, errors, selectors
from jobs.api import lookups
from jobs.api.shapes.dependencies import (
    RULES,
    DependenciesInput,
    DependencyChanges,
    DependencyDryRunShape,
    DependencyInput,
    DependencyShape,
    GraphShape,
    ValidationShape,
)
from jobs.models import Dependency, DependencyMode
from jobs.services import declaring, dependencies, dependency_sets, descriptions
from tenants.api import dry_runs
from tenants.api.conditions import Conditional
from tenants.api.dry_runs import DRY_RUN, DryRuns
from tenants.api.pagination import PAGED
from tenants.api.parameters import one_of, text, texts
from tenants.api.views import TenantViewSet
from tenants.errors import NotFound

_ENDS = ("upstream", "downstream")
_CHANGING = (errors.Conflict, errors.Cycle, errors.TaskLocked)


class DependencyViewSet(Conditional, DryRuns, TenantViewSet):
    """Edges between jobs of this tenant. Each belongs to its downstream, where it also is in `depends_on`."""

    queryset = selectors.dependencies()
    serializer_class = DependencyShape
    noun = "dependency"
    read_scope = "jobs:read"
    write_scope = "jobs:write"
    refusals = {
        "create": _CHANGING,
        "partial_update": _CHANGING,
        "destroy": (errors.TaskLocked,),
        "validate": (errors.TaskLocked,),
    }
    query_parameters = {
        "list": (
            *PAGED,
            texts("upstream", "", "From the job with this id or name."),
            texts("downstream", "", "To the job with this id or name."),
            one_of("mode", "mode", DependencyMode.values, "How the downstream waits."),
            one_of("trigger_rule", "trigger_rule", RULES, "Which ends let it start."),
        ),
        "graph": (text("job", "", "Only what hangs together with the job of this id or name."),),
        **dict.fromkeys(("create", "partial_update", "destroy"), (DRY_RUN,)),
    }

    def tag_of(self, row: Dependency) -> str:
        return descriptions.tag_of_dependency(row)

    def facts_of(self, row: Dependency) -> Mapping[str, Any]:
        return {"updated_at": declaring.instant(row.updated_at)}

    def lock(self, row: Dependency) -> Dependency:
        return dependencies.lock(row)

    def list(self, request: Request) -> Response:
        """Dependencies, newest first."""
        named = {end: lookups.job_ids(self.tenant, self.query[end]) for end in _ENDS if end in self.query}
        return self.listed(
            DependencyShape, self.get_queryset().filter(**{f"{end}__in": ids for end, ids in named.items()})
        )

    @extend_schema(request=DependencyInput, responses={200: DependencyDryRunShape, 201: DependencyShape})
    def create(self, request: Request) -> Response:
        """A new edge. One that closes a circle is refused with the path (`409 CYCLE`)."""
        fields: Any = self.body(DependencyInput)
        made = dependencies.create(tenant=self.tenant, fields=fields)
        return self._answer({}, made, status=201)

    def retrieve(self, request: Request, id: str) -> Response:
        """One dependency."""
        edge = self.row()
        return self.tagged(self.shown(DependencyShape, edge), edge)

    @extend_schema(request=DependencyChanges, responses={200: DependencyShape})
    def partial_update(self, request: Request, id: str) -> Response:
        """Change how its downstream waits; its jobs are for ever. Runs that have begun go on as they began."""
        edge = self.held(anyhow=self.is_dry)
        before = dependency_sets.told(edge)
        fields: Any = self.body(DependencyChanges, partial=True)
        return self._answer(before, dependencies.update(dependency=edge, fields=fields))

    @extend_schema(responses={200: DependencyDryRunShape, 204: None})
    def destroy(self, request: Request, id: str) -> Response:
        """Delete it: its downstream waits for that job no more. Runs that have begun go on as they began."""
        edge = self.held(anyhow=self.is_dry)
        before = dependency_sets.told(edge)
        dependencies.delete(dependency=edge)
        if self.is_dry:
            return dry_runs.tried(dry_runs.DELETED, dry_runs.diff(before, {}), dependency=None)
        return Response(status=204)

    @extend_schema(request=DependenciesInput, responses=ValidationShape)
    @action(detail=False, methods=["post"])
    def validate(self, request: Request) -> Response:
        """Whether edges could be made one after the other: what the graph would be, or what is wrong. Stores nothing."""
        wanted: Any = self.body(DependenciesInput)["dependencies"]
        problem = dependencies.problem_of(tenant=self.tenant, wanted=wanted)
        told: dict[str, Any] = {"valid": problem is None, "problem": None, "graph": None}
        if problem is None:
            known = selectors.jobs_called(self.tenant.pk, {each[end] for each in wanted for end in _ENDS})
            told["graph"] = dependency_graphs.around(self.tenant, {job.pk for job in known.values()})
        else:
            told["problem"] = {"code": problem.code, "message": str(problem), "details": problem.details}
        answer = self.shown(ValidationShape, told)
        transaction.set_rollback(True)
        return answer

    @extend_schema(responses=GraphShape)
    @action(detail=False)
    def graph(self, request: Request) -> Response:
        """Jobs in layers with the states of their newest executions, and the edges between them."""
        if "job" not in self.query:
            return self.shown(GraphShape, dependency_graphs.around(self.tenant))
        job = lookups.job(self.tenant, self.query["job"], bare=True)
        if job is None:
            raise NotFound.about("job", "there is no such job here")
        return self.shown(GraphShape, dependency_graphs.around(self.tenant, {job.pk}))

    def _answer(self, before: dict[str, Any], edge: Dependency, *, status: int = 200) -> Response:
        if not self.is_dry:
            return self.tagged(self.shown(DependencyShape, edge, status=status), edge)
        after = dependency_sets.told(edge)
        outcome = dry_runs.CREATED if not before else dry_runs.UNCHANGED if before == after else dry_runs.UPDATED
        return dry_runs.tried(outcome, dry_runs.diff(before, after), dependency=DependencyShape(edge).data)
