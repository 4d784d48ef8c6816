{{ config(unique_key='event_id', incremental_strategy='merge', indexes=[
    {'columns': ['event_id'], 'unique': true}, {'columns': ['visitor_id']}, {'columns': ['user_id']}]) }}

with arrived as (
    select event_id, user_id, visitor_id, occurred_at as logged_in_at from {{ ref('stg_auth__logins') }}
    where {{ landed('auth.v1') }}
),

history as ( -- a login that comes late ends what the next one of its visitor began with
    select * from arrived
    {% if is_incremental() -%}
        union -- not `all`: what a run read that did not come to its end is in both
        select event_id, user_id, visitor_id, logged_in_at from {{ this }}
        where visitor_id in (select arrived.visitor_id from arrived)
    {%- endif %}
)

select
    event_id,
    user_id,
    visitor_id,
    case
        when visitor_id is not null
            then coalesce(
                lag(logged_in_at) over (partition by visitor_id order by logged_in_at, event_id), '-infinity'
            )
    end as previous_login_at,
    logged_in_at
from history
