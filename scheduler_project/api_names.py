"""What closed lists of words are called in the OpenAPI document, where several shapes use one or share a field's name."""

ENUMS = {
    "ExecutionStateEnum": "jobs.api.shapes.executions.STATES",
    "JobStateEnum": "jobs.models.JobState",
    "ScheduleStateEnum": "jobs.models.ScheduleState",
    "OutcomeEnum": "tenants.api.dry_runs.OUTCOMES",
    "DeclaredOutcomeEnum": "jobs.api.shapes.declarations.OUTCOMES",
}
