{{ config(unique_key=['product_id', 'performance_date'], incremental_strategy='recompute',
          indexes=[{'columns': ['performance_date']}]) }}

with lines as (
    select * from {{ ref('order_items') }}
    where {{ is_touched('product_id, ordered_date', 'touched_product_days', day='ordered_date') }}
)

select
    product_id,
    ordered_date as performance_date,
    currency,
    sum({{ kept_quantity('lines') }})::bigint as unit_count,
    sum({{ kept_amount('lines') }})::numeric(24, 3) as revenue
from lines
where {{ is_sale('lines') }}
group by product_id, ordered_date, currency
