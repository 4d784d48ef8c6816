{{ config(unique_key=['product_id', 'performance_date'], incremental_strategy='recompute',
          indexes=[{'columns': ['performance_date']}]) }}

with lines as (
    select *, ordered_date as performance_date from {{ ref('order_items') }}
    where
        not is_simulated
        and {{ is_touched('product_id, ordered_date', 'touched_product_days', day='ordered_date') }}
),

actions as (
    select * from {{ ref('actions') }}
    where
        product_id is not null
        and {{ is_touched('product_id, occurred_date', 'touched_product_days', day='occurred_date') }}
),

facts as (
    select
        product_id,
        ordered_date as performance_date,
        user_id,
        case when {{ is_sale('lines') }} then 'SOLD' else 'CANCELLED' end as fact,
        order_id,
        {{ kept_quantity('lines') }} as quantity,
        returned_quantity
    from lines
    union all
    select product_id, occurred_date, user_id, action_type, null, null, null
    from actions
    where {{ is_shopper('actions') }}
)

select
    product_id,
    performance_date,
    (count(*) filter (where fact = 'PRODUCT_VIEWED'))::int as view_count,
    (count(distinct user_id) filter (where fact = 'PRODUCT_VIEWED'))::int as viewer_count,
    (count(*) filter (where fact in ('CART_ADD', 'CART_READD')))::int as cart_add_count,
    (count(distinct order_id) filter (where fact = 'SOLD'))::int as order_count,
    (count(distinct user_id) filter (where fact = 'SOLD'))::int as buyer_count,
    coalesce(sum(quantity) filter (where fact = 'SOLD'), 0)::bigint as unit_count,
    coalesce(sum(returned_quantity), 0)::bigint as returned_unit_count,
    coalesce(sum(quantity) filter (where fact = 'CANCELLED'), 0)::bigint as cancelled_unit_count
from facts
group by product_id, performance_date
