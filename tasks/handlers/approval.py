"""The ``approval`` job type: waits, without a worker, until somebody has decided."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field

from jobs.handlers import Context, Handler, Json, Params, PermanentFailure
from jobs.rules.approvals import LONGEST_QUESTION, Decision, Default, Question, Standing, in_a_sentence
from jobs.rules.codes import Failure
from jobs.written_forms import written

DAY = 24 * 60 * 60
MOST_NAMED = 50


def _address(text: str) -> str:
    if "@" not in text.strip("@"):
        raise ValueError("must be the e-mail address of a member")
    return text.strip().lower()


Member = Annotated[str, Field(max_length=254), AfterValidator(_address)]
KeyId = Annotated[str, Field(pattern=written(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", "an API key's id"))]


class Who(Params):
    roles: list[Literal["runner", "editor", "admin"]] = Field(
        default=[], max_length=3, description="Members with exactly these roles."
    )
    members: list[Member] = Field(default=[], max_length=MOST_NAMED, description="Members, by e-mail address.")
    api_keys: list[KeyId] = Field(default=[], max_length=MOST_NAMED, description="API keys, by id.")


class ApprovalParams(Params):
    question: str = Field(min_length=1, max_length=LONGEST_QUESTION, description="What is to be decided.")
    who: Who = Field(
        default=Who(), description="Who may decide, of those who may run jobs; whoever may, if nobody is named."
    )
    limit_seconds: int = Field(default=DAY, ge=1, le=30 * DAY, description="So long somebody may decide.")
    default: Literal["approve", "reject", "fail"] = Field(
        default="fail", description="What becomes of it if nobody has decided by then."
    )
    on_reject: Literal["fail", "succeed"] = Field(
        default="fail",
        description="succeed: conditions of the jobs after it read upstream.<job>.result.decision.",
    )
    not_by_requester: bool = Field(
        default=False, description="Whoever started the run may not decide, nor by an API key of theirs."
    )


class Approval(Handler[ApprovalParams]):
    job_type = "approval"
    title = "Approval"
    description = "Waits for somebody to approve or reject, in the console or over the API."
    params = ApprovalParams
    threaded = True
    without_secrets: ClassVar[dict[str, str]] = {"question": "whoever looks at the approval reads it: leave it out"}
    example: ClassVar[dict[str, Json]] = {
        "question": "May {{ job.name }} deploy to production?",
        "who": {"roles": ["admin"]},
        "limit_seconds": DAY,
        "not_by_requester": True,
    }

    def named_people(self, payload: Mapping[str, Json]) -> Mapping[str, str]:
        """Who may decide, as far as they are named one by one."""
        who = payload.get("who")
        named = {name: who.get(name) for name in ("members", "api_keys")} if isinstance(who, dict) else {}
        return {
            f"who.{name}[{index}]": each
            for name, all_of in named.items()
            if isinstance(all_of, list)
            for index, each in enumerate(all_of)
            if isinstance(each, str)
        }

    def run(self, params: ApprovalParams, context: Context) -> Json:
        context.log("asking for a decision")
        decision = context.ask(
            Question(
                text=params.question,
                roles=params.who.roles,
                members=params.who.members,
                api_keys=params.who.api_keys,
                not_by_requester=params.not_by_requester,
                limit=timedelta(seconds=params.limit_seconds),
                by_default=Default(params.default),
            )
        )
        context.log(in_a_sentence(decision))
        return _outcome(decision, params)


def _outcome(decision: Decision, params: ApprovalParams) -> dict[str, Any]:
    result = {
        "decision": str(decision.standing),
        "by": decision.by or None,
        "reason": decision.reason,
        "at": decision.at.isoformat().replace("+00:00", "Z"),
    }
    if decision.standing is Standing.APPROVED:
        return result
    if decision.standing is Standing.REJECTED and params.on_reject == "succeed":
        return result
    raise PermanentFailure(in_a_sentence(decision), code=Failure.NOT_APPROVED, result=result)
