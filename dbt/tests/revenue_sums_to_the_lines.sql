with lines as (
    select
        product_id,
        ordered_date as performance_date,
        currency,
        sum({{ kept_amount('order_items') }}) as amount
    from {{ ref('order_items') }} as order_items
    where
        {{ is_sale('order_items') }}
        and {{ is_checked('product_id, ordered_date', 'touched_product_days', day='ordered_date') }}
    group by product_id, ordered_date, currency
),

revenue as (
    select * from {{ ref('product_revenue') }}
    where {{ is_checked('product_id, performance_date', 'touched_product_days', day='performance_date') }}
)

select
    product_id,
    performance_date,
    currency,
    lines.amount,
    revenue.revenue
from lines
full join revenue using (product_id, performance_date, currency)
where coalesce(lines.amount, 0) != coalesce(revenue.revenue, 0)
