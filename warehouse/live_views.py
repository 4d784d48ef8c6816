"""Schema `live`: what serving loads at start, because the broker's log may have deleted it: actions, and who is who.

The views list every field explicitly, and none is personal: no search, no review, no reason, no address. They read as
their owner, so that their readers need no rights on `raw`.
"""

import psycopg

_ACTIONS = """
create or replace view live.actions as
select
    event_type,
    occurred_at,
    jsonb_strip_nulls(jsonb_build_object(
        'userId', data -> 'userId', 'productId', data -> 'productId', 'quantity', data -> 'quantity'
    )) as data
from raw.user_actions_v1
where event_type in ('PRODUCT_VIEWED', 'CART_ADD', 'CART_READD', 'CART_UPDATE', 'CART_REMOVE', 'USER_DELETE')
union all
select
    event_type,
    occurred_at,
    jsonb_strip_nulls(jsonb_build_object(
        'userId', data -> 'userId', 'orderId', data -> 'orderId', 'returnId', data -> 'returnId',
        'items', (
            select jsonb_agg(jsonb_build_object('productId', line -> 'productId', 'quantity', line -> 'quantity'))
            from jsonb_array_elements(
                case when jsonb_typeof(data -> 'items') = 'array' then data -> 'items' end
            ) as line
        )
    )) as data
from raw.order_v1
where event_type in ('ORDER_COMPLETED', 'ORDER_CANCELLED', 'RETURN_COMPLETED')
"""

_DELETED_USERS = """
create or replace view live.deleted_users as
select data ->> 'userId' as user_id from raw.user_actions_v1 where event_type = 'USER_DELETE'
union all
select data ->> 'userId' from raw.auth_v1 where event_type = 'USER_DELETED'
"""

_IDENTITIES = """
create or replace view live.identities as
select
    event_type,
    occurred_at,
    jsonb_build_object('userId', data -> 'userId', 'visitorId', data -> 'visitorId') as data
from raw.auth_v1
where event_type = 'USER_AUTHENTICATED' and data ->> 'visitorId' is not null
union all
select
    event_type,
    occurred_at,
    jsonb_strip_nulls(jsonb_build_object(
        'userId', data -> 'userId', 'profileVersion', data -> 'profileVersion',
        'personalisationConsent', data -> 'personalisationConsent', 'optedOutShelves', data -> 'optedOutShelves'
    ))
from (
    select distinct on (data ->> 'userId') event_type, occurred_at, data from raw.profile_v1
    where event_type = 'USER_PROFILE_UPDATED'
    order by data ->> 'userId', coalesce((data ->> 'profileVersion')::bigint, 0) desc, occurred_at desc
) as newest
where data -> 'personalisationConsent' = 'false' or jsonb_array_length(data -> 'optedOutShelves') > 0
"""
"""Visitors who logged in, and the users who wish what not everybody does."""

_INDEXES = """
create index if not exists user_actions_v1_deleted_users
    on raw.user_actions_v1 ((data ->> 'userId')) where event_type = 'USER_DELETE';
create index if not exists user_actions_v1_occurred_at
    on raw.user_actions_v1 using brin (occurred_at timestamptz_minmax_multi_ops);
create index if not exists order_v1_occurred_at
    on raw.order_v1 using brin (occurred_at timestamptz_minmax_multi_ops)
"""
"""BRIN indexes: almost free per landed row, and enough to skip older pages."""


def make_live_views(connection: psycopg.Connection) -> None:
    """Create or update the views; the schema's default privileges grant access."""
    for statement in (_INDEXES, _ACTIONS, _DELETED_USERS, _IDENTITIES):
        connection.execute(statement)
