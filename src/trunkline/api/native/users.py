"""Who used what a project makes: the users that its traces name."""

from __future__ import annotations

from http import HTTPStatus

from litestar import Response, get
from litestar.di import NamedDependency

from trunkline.api.errors import answer
from trunkline.api.langfuse.formats import iso
from trunkline.api.langfuse.params import Params
from trunkline.api.native.bodies import HTTPRequest
from trunkline.api.services import Services
from trunkline.store.daily import UserOrder, UserQuery, UserSummary
from trunkline.types import Caller, Struct


class UserShape(Struct, frozen=True, kw_only=True):
    user: str
    traces: int
    observations: int
    input_tokens: int
    output_tokens: int
    total_tokens: int
    cost_usd: float
    first_seen: str
    last_seen: str


@get("/api/v1/users")
async def list_users(
    request: HTTPRequest, services: NamedDependency[Services], caller: NamedDependency[Caller]
) -> Response[bytes]:
    """Users with traces, observations, tokens and cost; whoever came last stands first."""
    params = Params(request.scope["query_string"])
    page, limit = params.page(), params.limit()
    order = params.choice("order", UserOrder) or UserOrder.LAST_SEEN
    query = UserQuery(
        limit=limit,
        offset=(page - 1) * limit,
        order_by=order,
        descending=order is not UserOrder.USER,
        contains=params.text("contains"),
        environments=params.texts("environment"),
        since=params.time("since"),
        until=params.time("until"),
    )
    params.check()
    users, total = await services.traces.users(caller.project_id, query)
    return answer(
        HTTPStatus.OK, {"users": [_user(user) for user in users], "page": page, "limit": limit, "total": total}
    )


def _user(user: UserSummary) -> UserShape:
    return UserShape(
        user=user.user,
        traces=user.traces,
        observations=user.observations,
        input_tokens=user.input_tokens,
        output_tokens=user.output_tokens,
        total_tokens=user.total_tokens,
        cost_usd=round(user.cost, 12),
        first_seen=iso(user.first_seen),
        last_seen=iso(user.last_seen),
    )


handlers = [list_users]
