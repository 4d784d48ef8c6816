{{ config(unique_key='user_id', incremental_strategy='recompute') }}

with orders as (
    select * from {{ ref('orders') }} where is_sale and {{ is_touched('user_id', 'touched_users') }}
)

select
    user_id,
    currency,
    count(*)::int as order_count,
    sum(kept_amount)::numeric(18, 3) as total_amount
from orders
group by user_id, currency
