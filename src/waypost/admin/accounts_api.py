"""Routes by which admins manage accounts, and read what admins did."""

from typing import Annotated

from fastapi import Query as QueryOf

from waypost.accounts import password
from waypost.accounts.desk import Config
from waypost.accounts.guard import Admin, Guarded
from waypost.accounts.model import NewAccount
from waypost.admin import accounts, audit
from waypost.admin.accounts_schemas import (
    AuditAnswer,
    GiftAnswer,
    GiftBody,
    NewUserBody,
    UserAnswer,
    UserChangeBody,
    UsersAnswer,
    shown,
    shown_deed,
)
from waypost.credits import statement
from waypost.credits.model import Kind
from waypost.credits.statement import StatementAnswer
from waypost.kit.answers import Pagination, Said
from waypost.kit.asks import CursorQuery, PageQuery
from waypost.kit.page import pagination, write_cursor
from waypost.kit.routing import Db, Id, Time, contract_router

router = contract_router("/api/admin", "Admin")


@router.get("/users")
async def list_users(_: Admin, db: Db, query: Annotated[PageQuery, QueryOf()]) -> UsersAnswer:
    """Every account, oldest first."""
    ask = query.ask()
    async with db.read() as tx:
        users, total = await accounts.page(tx, ask)
    page = Pagination(**pagination(ask, total))
    return UsersAnswer(users=[shown(user) for user in users], pagination=page)


@router.post("/users", status_code=201)
async def create_user(
    me: Admin, db: Db, time: Time, config: Config, body: NewUserBody
) -> UserAnswer:
    """Open an account, also where registration is closed."""
    new = NewAccount(
        body.username,
        await password.hashed(body.password, body.username),
        body.email,
        body.notification_number,
        body.is_admin or False,
        body.pool_id,
    )
    first = (config.signup_credits, Kind.SIGNUP)
    if body.credits is not None:
        first = (body.credits, Kind.GRANT)
    return shown(await accounts.create(db, time, me.account_id, new, *first))


@router.get("/users/{id}")
async def get_user(_: Admin, db: Db, id: Id) -> UserAnswer:
    """One account."""
    async with db.read() as tx:
        return shown(await accounts.get(tx, id))


@router.patch("/users/{id}")
async def change_user(
    me: Admin, db: Db, time: Time, guard: Guarded, id: Id, body: UserChangeBody
) -> UserAnswer:
    """Switch an account off or on, make it an admin, move, limit or weigh it, let it in."""
    changes = body.changes()
    user = await accounts.change(db, time, me.account_id, id, changes, body.password)
    guard.forget(id)
    return shown(user)


@router.delete("/users/{id}")
async def delete_user(me: Admin, db: Db, time: Time, guard: Guarded, id: Id) -> Said:
    """Close an account; its name is free again, its history stays."""
    await accounts.delete(db, time, me.account_id, id)
    guard.forget(id)
    return Said(message="User deleted successfully")


@router.post("/users/{id}/credits")
async def give_credits(me: Admin, db: Db, time: Time, id: Id, body: GiftBody) -> GiftAnswer:
    """Give credits, or take them; the balance never goes below zero."""
    credits = await accounts.give(db, time, me.account_id, id, body.amount, body.reason)
    return GiftAnswer(user_id=id, credits=credits)


@router.get("/users/{id}/statement")
async def read_statement(
    _: Admin, db: Db, id: Id, query: Annotated[CursorQuery, QueryOf()]
) -> StatementAnswer:
    """Every credit of the account that came or went, newest first."""
    async with db.read() as tx:
        await accounts.get(tx, id)
        return await statement.read(tx, id, query)


@router.get("/audit")
async def read_audit(_: Admin, db: Db, query: Annotated[CursorQuery, QueryOf()]) -> AuditAnswer:
    """What admins did, newest first."""
    async with db.read() as tx:
        page = await audit.page(tx, query.ask())
    entries = [shown_deed(deed) for deed in page.rows]
    return AuditAnswer(entries=entries, next_cursor=write_cursor(page.next))
