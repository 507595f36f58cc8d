"""The FastAPI edge: dependencies, one error shape, and what OpenAPI tells."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any

import httpx2
import pytest
from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel, Field

from sealring import Policy, SessionTokens, Subject
from sealring.errors import ConfigurationError, Conflict
from sealring.fastapi import LoginApproved, Token, auth_router, current_user, operations_router, protect, requires
from sealring.observe.metrics import PrometheusSink
from sealring.web.models import ErrorBody, SessionAnswer, SessionList
from tests.support import ISSUER, Bench, Claims, bench

pytestmark = pytest.mark.anyio

AT, RT = "__Host-Http-todo-at", "__Host-Http-todo-rt"
OWN_PAGE = {"Sealring-Client": "1", "Sec-Fetch-Site": "same-origin"}


class Note(BaseModel):
    text: str = Field(min_length=3)


class Credentials(BaseModel):
    name: str
    password: str


class Served:
    """A small application on a real ring."""

    def __init__(self, bench: Bench, http: httpx2.AsyncClient, app: FastAPI) -> None:
        self.bench, self.http, self.app = bench, http, app

    async def ask(
        self, method: str, path: str, json: object = None, tokens: SessionTokens | None = None
    ) -> httpx2.Response:
        headers = dict(OWN_PAGE)
        if tokens is not None:
            headers["Cookie"] = f"{AT}={tokens.access_token}; {RT}={tokens.refresh_token}"
        return await self.http.request(method, path, json=json, headers=headers)


@asynccontextmanager
async def serve(policy: Policy | None = None) -> AsyncIterator[Served]:
    async with bench(policy=policy) as made:
        app = FastAPI()
        protect(app, made.ring)

        async def authenticate(form: Credentials) -> LoginApproved | None:
            login = await made.ring.begin_login(form.name)
            subject = made.subjects.get(form.name)
            if subject is None or form.password != "right":
                return None
            return LoginApproved(login=login, subject=subject, persistent=True)

        async def load(token: Token) -> Subject | None:
            return made.subjects.get(token.subject)

        app.include_router(auth_router(made.ring, authenticate=authenticate))
        app.include_router(operations_router(made.ring, PrometheusSink()))
        _add_routes(app, current_user(load=load))
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url=ISSUER) as http:
            yield Served(made, http, app)


def _add_routes(app: FastAPI, user: Any) -> None:
    @app.get("/me")
    async def me(found: Annotated[Subject, Depends(user)]) -> dict[str, str]:
        return {"id": found.id}

    @app.get("/admin", dependencies=[Depends(requires("admin", "todos:read"))])
    async def admin() -> dict[str, str]:
        return {}

    @app.get("/readers")
    async def readers(token: Annotated[Any, Depends(requires("todos:read"))]) -> dict[str, str]:
        return {"team": token.claims.team}

    @app.post("/notes")
    async def notes(note: Note) -> Note:
        return note

    @app.get("/raise/{status}")
    async def refuse(status: int) -> None:
        raise HTTPException(status, "why")

    @app.get("/conflict")
    async def conflict() -> None:
        raise Conflict("twice")

    @app.get("/bug")
    async def bug() -> None:
        raise RuntimeError("the password is hunter2")

    @app.get("/public")
    async def public() -> dict[str, str]:
        return {}


async def test_login_answer_is_the_contract_and_sets_both_cookies() -> None:
    async with serve() as served:
        answer = await served.ask("POST", "/auth/login", {"name": "ada", "password": "right"})
        assert answer.status_code == 200
        body = SessionAnswer.model_validate(answer.json())
        assert (body.outcome, body.expires_in, body.refresh_in) == ("opened", 900, 600)
        names = [line.partition("=")[0] for line in answer.headers.get_list("set-cookie")]
        assert names == [AT, RT]
        assert answer.headers["cache-control"] == "no-store"


async def test_session_that_is_not_kept_gets_cookies_without_an_age() -> None:
    async with serve() as served:
        tokens = await served.bench.login(persistent=False)
        await served.bench.settle(tokens)
        answer = await served.ask("POST", "/auth/refresh", tokens=tokens)
        assert answer.json()["outcome"] == "rotated"
        assert not [line for line in answer.headers.get_list("set-cookie") if "Max-Age" in line]


async def test_unchanged_answer_sets_the_access_cookie_only() -> None:
    async with serve() as served:
        tokens = await served.bench.login()
        answer = await served.ask("POST", "/auth/refresh", {"attempt": "a-1"}, tokens)
        assert answer.json()["outcome"] == "unchanged"
        assert [line.partition("=")[0] for line in answer.headers.get_list("set-cookie")] == [AT]


async def test_current_session_and_the_list_follow_the_contract() -> None:
    async with serve() as served:
        tokens = await served.bench.login()
        body = SessionAnswer.model_validate((await served.ask("GET", "/auth/session", tokens=tokens)).json())
        assert body.outcome == "current"
        served.bench.clock.advance(1)
        await served.bench.login()
        listed = SessionList.model_validate((await served.ask("GET", "/auth/sessions", tokens=tokens)).json())
        assert [item.current for item in listed.sessions] == [True, False]


async def test_ending_the_own_session_from_the_list_signs_out() -> None:
    async with serve() as served:
        tokens = await served.bench.login()
        answer = await served.ask("DELETE", f"/auth/sessions/{tokens.view.row.session_id}", tokens=tokens)
        assert answer.json() == {"outcome": "signed_out", "ended": 1}
        assert len(answer.headers.get_list("set-cookie")) == 2
        assert (await served.ask("GET", "/me", tokens=tokens)).json()["code"] == "token_revoked"


async def test_logout_everywhere_works_with_either_token_and_not_without() -> None:
    async with serve() as served:
        first, second = await served.bench.login(), await served.bench.login()
        served.bench.clock.advance(3_600)  # the access token has expired, the refresh token has not
        answer = await served.ask("POST", "/auth/logout-all", tokens=first)
        assert answer.json() == {"outcome": "signed_out", "ended": 2}
        assert (await served.ask("POST", "/auth/refresh", tokens=second)).json()["code"] == "session_revoked"
        refused = await served.ask("POST", "/auth/logout-all", tokens=second)
        assert (refused.status_code, refused.json()["code"]) == (401, "not_authenticated")


async def test_deleted_user_is_401_at_once_and_its_refresh_ends_the_session() -> None:
    async with serve() as served:
        tokens = await served.bench.login("bob")
        assert (await served.ask("GET", "/me", tokens=tokens)).json() == {"id": "bob"}
        del served.bench.subjects["bob"]
        for method, path in (("GET", "/me"), ("POST", "/auth/refresh"), ("GET", "/auth/session")):
            answer = await served.ask(method, path, tokens=tokens)
            assert answer.status_code == 401, path
        assert not await served.bench.ring.sessions("bob")


@pytest.mark.parametrize("body", [{"name": "ada", "password": "wrong"}, {"name": "nobody", "password": "right"}])
async def test_unknown_user_and_wrong_password_look_the_same(body: dict[str, str]) -> None:
    async with serve() as served:
        answer = await served.ask("POST", "/auth/login", body)
        assert answer.status_code == 401
        assert {**answer.json(), "request_id": ""} == {
            "error": "invalid_grant",
            "error_description": "The credentials are not valid.",
            "code": "credentials_invalid",
            "action": "fix",
            "request_id": "",
        }
        assert "login_refused" in served.bench.log.names()


async def test_missing_scope_is_403_with_the_scope_in_the_challenge() -> None:
    async with serve() as served:
        tokens = await served.bench.login()
        assert (await served.ask("GET", "/readers", tokens=tokens)).json() == {"team": "blue"}
        answer = await served.ask("GET", "/admin", tokens=tokens)
        assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
        assert 'scope="admin todos:read"' in answer.headers["www-authenticate"]
        assert (await served.ask("GET", "/admin")).status_code == 401


@pytest.mark.parametrize("scope", [(), ("two words",), ('quo"te',), ("",)])
def test_scope_that_is_no_scope_is_refused_when_the_route_is_made(scope: Sequence[str]) -> None:
    with pytest.raises(ConfigurationError):
        requires(*scope)


@pytest.mark.parametrize(
    ("method", "path", "json", "status", "code"),
    [
        ("GET", "/nowhere", None, 404, "not_found"),
        ("DELETE", "/public", None, 405, "method_not_allowed"),
        ("POST", "/notes", {"text": "x"}, 422, "validation_failed"),
        ("GET", "/conflict", None, 409, "conflict"),
        ("GET", "/raise/418", None, 400, "request_invalid"),
        ("GET", "/raise/409", None, 409, "conflict"),
        ("GET", "/raise/502", None, 500, "internal_error"),
        ("GET", "/bug", None, 500, "internal_error"),
        ("POST", "/auth/refresh", {"attempt": "spaces are not allowed"}, 422, "validation_failed"),
        ("POST", "/auth/refresh", {"idle_for": -1}, 422, "validation_failed"),
    ],
)
async def test_every_error_has_the_one_shape(method: str, path: str, json: object, status: int, code: str) -> None:
    async with serve() as served:
        answer = await served.ask(method, path, json)
        assert answer.status_code == status
        body = ErrorBody.model_validate(answer.json())
        assert body.code == code
        assert body.request_id == answer.headers["x-request-id"]
        assert "hunter2" not in answer.text


async def test_wrong_field_is_named_and_its_value_is_not_repeated() -> None:
    async with serve() as served:
        answer = await served.ask("POST", "/auth/login", {"name": "ada", "password": ["s3cret-in-a-list"]})
        assert [fault["field"] for fault in answer.json()["fields"]] == ["password"]
        assert "s3cret" not in answer.text


async def test_body_that_is_not_json_is_a_bad_request() -> None:
    async with serve() as served:
        headers = {**OWN_PAGE, "Content-Type": "application/json"}
        answer = await served.http.post("/notes", content=b"{nonsense", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (400, "request_invalid")


async def test_openapi_shows_both_ways_to_carry_a_token_where_one_is_needed() -> None:
    async with serve() as served:
        document = served.app.openapi()
        schemes = document["components"]["securitySchemes"]
        assert schemes["AccessToken"]["scheme"] == "bearer"
        assert schemes["AccessCookie"] == {"type": "apiKey", "in": "cookie", "name": AT}
        assert document["paths"]["/me"]["get"]["security"] == [{"AccessToken": []}, {"AccessCookie": []}]
        assert "security" not in document["paths"]["/public"]["get"]
        assert served.app.openapi() == document, "asking twice must not add anything"


async def test_service_is_ready_only_while_its_denylist_is_fresh() -> None:
    async with serve() as served:
        assert (await served.ask("GET", "/healthz")).json() == {"status": "alive"}
        assert (await served.ask("GET", "/readyz")).status_code == 200
        served.bench.clock.advance(60)
        stale = await served.ask("GET", "/readyz")
        assert (stale.status_code, stale.json()["status"]) == (503, "not_ready")
        await served.bench.ring.follower.catch_up()
        assert (await served.ask("GET", "/readyz")).status_code == 200


async def test_application_claims_reach_the_route_typed() -> None:
    async with serve() as served:
        served.bench.subjects["ada"] = Subject("ada", Claims(team="red"), scope=("todos:read",))
        tokens = await served.bench.login()
        assert (await served.ask("GET", "/readers", tokens=tokens)).json() == {"team": "red"}
