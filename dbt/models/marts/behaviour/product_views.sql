{{ config(unique_key='event_id', incremental_strategy='merge',
          indexes=[{'columns': ['product_id', 'occurred_date']}]) }}

with views as ( -- a day of a user comes whole, see actions
    select * from {{ ref('actions') }}
    where action_type = 'PRODUCT_VIEWED' and {{ is_touched('user_id, occurred_date', 'touched_user_days') }}
)

select
    event_id,
    user_id,
    product_id,
    currency,
    product_price,
    category_id,
    session_id,
    session_key,
    occurred_at,
    occurred_date,
    row_number() over (
        partition by user_id, occurred_date, product_id order by occurred_at, event_id
    ) > 1 as is_repeat,
    is_bot,
    is_simulated
from views
