{{ config(unique_key=['product_id', 'performance_date'], incremental_strategy='recompute',
          indexes=[{'columns': ['performance_date']}]) }}

with lines as (
    select * from {{ ref('order_items') }}
    where {{ is_touched('product_id, ordered_date', 'touched_product_days', day='ordered_date') }}
),

returns as (
    select * from {{ ref('returns') }}
    where
        is_sale
        and quantity > 0
        and {{ is_touched('product_id, completed_date', 'touched_product_days', day='completed_date') }}
),

facts as (
    select
        product_id,
        ordered_date as performance_date,
        currency,
        {{ kept_quantity('lines') }} as kept_quantity,
        {{ kept_amount('lines') }} as kept_amount,
        quantity as sold_quantity,
        amount as sold_amount,
        0 as returned_quantity,
        0 as returned_amount
    from lines
    where {{ is_sale('lines') }}
    union all
    select product_id, completed_date, currency, 0, 0, 0, 0, quantity, amount
    from returns
)

select
    product_id,
    performance_date,
    currency,
    sum(kept_quantity)::bigint as unit_count,
    sum(kept_amount)::numeric(24, 3) as revenue,
    sum(sold_quantity)::bigint as sold_unit_count,
    sum(sold_amount)::numeric(24, 3) as gross_revenue,
    sum(returned_quantity)::bigint as returned_unit_count,
    sum(returned_amount)::numeric(24, 3) as returned_amount,
    sum(sold_amount - returned_amount)::numeric(24, 3) as net_revenue
from facts
group by product_id, performance_date, currency
