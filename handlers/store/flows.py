"""Consent flows, tokens, leases, and which account a person has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, or_, select, update

from bot.model import Person
from bot.ports import StoredToken
from handlers.store.base import Base
from handlers.store.schema import accounts, flows, leases, owners, tokens

SUPERSEDABLE = ("offered", "started")
"""States of `bot/consent/machine.py` that a newer offer ends. From `authorized` on, a code is being exchanged: that flow ends by itself."""


class Consents(Base):
    async def put_flow(self, flow_id: str, row: Mapping[str, Any], *, state: str, owner: str, supersede: bool) -> Sequence[str]:
        """Superseded flows get the state `superseded`, in their column and in their row's own `state` when it has one."""
        now = self._clock.now()

        def work(c: Connection) -> Sequence[str]:
            ended: list[str] = []
            if supersede:
                mine = self._insert(owners).values(owner=owner, flow_id=flow_id)
                c.execute(mine.on_conflict_do_update(index_elements=[owners.c.owner], set_={"flow_id": flow_id}))
                old = select(flows.c.id, flows.c.row).where(flows.c.owner == owner, flows.c.state.in_(SUPERSEDABLE)).with_for_update()
                for each in c.execute(old).all():
                    kept = {**each.row, "state": "superseded"} if "state" in each.row else each.row
                    c.execute(
                        update(flows)
                        .where(flows.c.id == each.id)
                        .values(state="superseded", row=kept, changed=now, version=flows.c.version + 1)
                    )
                    ended.append(each.id)
            c.execute(flows.insert().values(id=flow_id, owner=owner, state=state, row=row, changed=now, version=0))
            return ended

        return await self._write(work)

    async def flow(self, flow_id: str) -> tuple[Mapping[str, Any], int] | None:
        row = await self._read(lambda c: c.execute(select(flows.c.row, flows.c.version).where(flows.c.id == flow_id)).one_or_none())
        return None if row is None else (row.row, row.version)

    async def save_flow(self, flow_id: str, row: Mapping[str, Any], *, state: str, version: int) -> bool:
        query = (
            update(flows)
            .where(flows.c.id == flow_id, flows.c.version == version)
            .values(row=row, state=state, changed=self._clock.now(), version=version + 1)
        )
        return await self._write(lambda c: c.execute(query).rowcount == 1)

    async def flows_in(self, states: Sequence[str]) -> Sequence[str]:
        query = select(flows.c.id).where(flows.c.state.in_(tuple(states))).order_by(flows.c.changed, flows.c.id)
        return await self._read(lambda c: list(c.execute(query).scalars()))

    # ------------------------------------------------------------ tokens

    async def put_token(self, token: StoredToken) -> None:
        insert = self._insert(tokens).values(version=token.version, **_key_of(token), **_token_columns(token))
        changed = {**_token_columns(token), "version": tokens.c.version + 1}  # a refresh under way must lose against a new consent
        query = insert.on_conflict_do_update(index_elements=list(tokens.primary_key), set_=changed)
        await self._write(lambda c: c.execute(query))

    async def token(self, platform: str, app_id: str, subject: str, person: Person | None) -> StoredToken | None:
        query = select(tokens).where(*_is(_key(platform, app_id, subject, person)))
        row = await self._read(lambda c: c.execute(query).one_or_none())
        return None if row is None else _token(row)

    async def tokens_for(self, platform: str, app_id: str, subject: str) -> Sequence[StoredToken]:
        query = (
            select(tokens)
            .where(tokens.c.platform == platform, tokens.c.app_id == app_id, tokens.c.subject == subject)
            .order_by(tokens.c.granted.is_(None), tokens.c.granted.desc(), *tokens.primary_key)
        )
        return await self._read(lambda c: [_token(row) for row in c.execute(query).all()])

    async def save_token(self, token: StoredToken) -> bool:
        query = (
            update(tokens)
            .where(*_is(_key_of(token)), tokens.c.version == token.version)
            .values(version=token.version + 1, **_token_columns(token))
        )
        return await self._write(lambda c: c.execute(query).rowcount == 1)

    async def tokens_of(self, person: Person) -> Sequence[StoredToken]:
        query = (
            select(tokens)
            .where(tokens.c.person_surface == person.surface, tokens.c.person_tenant == person.tenant, tokens.c.person_id == person.user_id)
            .order_by(*tokens.primary_key)
        )
        return await self._read(lambda c: [_token(row) for row in c.execute(query).all()])

    async def all_tokens(self) -> Sequence[StoredToken]:
        """Every token, for sealing them anew and for forgetting the expired ones."""
        query = select(tokens).order_by(*tokens.primary_key)
        return await self._read(lambda c: [_token(row) for row in c.execute(query).all()])

    async def drop_token(self, platform: str, app_id: str, subject: str, person: Person | None, version: int | None = None) -> bool:
        query = delete(tokens).where(*_is(_key(platform, app_id, subject, person)))
        if version is not None:
            query = query.where(tokens.c.version == version)
        return await self._write(lambda c: c.execute(query).rowcount == 1)

    async def lease(self, name: str, holder: str, until: datetime, now: datetime) -> bool:
        """To give a lease back, prolong it until `now`."""
        query = (
            self._insert(leases)
            .values(name=name, holder=holder, until=until)
            .on_conflict_do_update(
                index_elements=[leases.c.name],
                set_={"holder": holder, "until": until},
                where=or_(leases.c.holder == holder, leases.c.until <= now),
            )
            .returning(leases.c.name)
        )
        return await self._write(lambda c: c.execute(query).one_or_none() is not None)

    # ------------------------------------------------------------ who is who

    async def account_of(self, person: Person, platform: str) -> str | None:
        query = select(accounts.c.subject).where(*_account(person, platform))
        return await self._read(lambda c: c.execute(query).scalar_one_or_none())

    async def bind_account(self, person: Person, platform: str, subject: str) -> bool:
        insert = self._insert(accounts).values(
            surface=person.surface, tenant=person.tenant, user_id=person.user_id, platform=platform, subject=subject
        )

        def work(c: Connection) -> bool:
            c.execute(insert.on_conflict_do_nothing())
            bound: str = c.execute(select(accounts.c.subject).where(*_account(person, platform))).scalar_one()
            return bound == subject

        return await self._write(work)

    async def unbind_account(self, person: Person, platform: str) -> bool:
        """Forget whose account it is, by the person's own wish; True when there was one."""
        return await self._write(lambda c: c.execute(delete(accounts).where(*_account(person, platform))).rowcount == 1)

    async def _forget_consents(self, now: datetime, before: datetime) -> int:
        def work(c: Connection) -> int:
            gone = c.execute(delete(leases).where(leases.c.until <= now)).rowcount
            gone += c.execute(delete(flows).where(flows.c.changed < before)).rowcount
            c.execute(delete(owners).where(owners.c.flow_id.not_in(select(flows.c.id))))
            return gone

        return await self._write(work)


def _account(person: Person, platform: str) -> tuple[Any, ...]:
    a = accounts.c
    return (a.surface == person.surface, a.tenant == person.tenant, a.user_id == person.user_id, a.platform == platform)


def _key(platform: str, app_id: str, subject: str, person: Person | None) -> dict[str, str]:
    whose = (person.surface, person.tenant, person.user_id) if person else ("", "", "")
    return dict(zip(tokens.primary_key.columns.keys(), (platform, app_id, subject, *whose), strict=True))


def _key_of(token: StoredToken) -> dict[str, str]:
    return _key(token.platform, token.app_id, token.subject, token.person)


def _is(key: Mapping[str, str]) -> list[ColumnElement[bool]]:
    return [tokens.c[name] == value for name, value in key.items()]


def _token_columns(token: StoredToken) -> dict[str, Any]:
    return {
        "sealed": token.sealed,
        "scopes": token.scopes,
        "expires": token.expires,
        "refresh_expires": token.refresh_expires,
        "granted": token.granted,
        "person_name": token.person.name if token.person else None,
    }


def _token(row: Row[Any]) -> StoredToken:
    person = None if not row.person_surface else Person(row.person_surface, row.person_tenant, row.person_id, row.person_name)
    return StoredToken(
        platform=row.platform,
        app_id=row.app_id,
        subject=row.subject,
        sealed=row.sealed,
        scopes=frozenset(row.scopes),
        expires=row.expires,
        refresh_expires=row.refresh_expires,
        granted=row.granted,
        person=person,
        version=row.version,
    )
