{{ config(unique_key='order_id', incremental_strategy='recompute', indexes=[{'columns': ['user_id']}]) }}

with orders as (
    select *, cancelled_at is not null as is_cancelled from {{ ref('int_orders__resolve') }}
    where ordered_at is not null and {{ is_touched('order_id', 'touched_orders') }}
),

lines as (
    select * from {{ ref('order_items') }} where {{ is_touched('order_id', 'touched_orders') }}
),

totals as (
    select
        order_id,
        count(*)::int as line_count,
        sum(quantity) as quantity,
        sum(returned_quantity) as returned_quantity,
        sum(amount - {{ kept_amount('lines') }}) as returned_amount
    from lines
    group by order_id
)

select
    orders.order_id,
    orders.external_id,
    orders.user_id,
    case
        when orders.is_cancelled then 'CANCELLED'
        when totals.returned_quantity > 0 and totals.returned_quantity = totals.quantity then 'RETURNED'
        else 'CONFIRMED'
    end as status,
    orders.total_amount,
    case
        when orders.is_cancelled then 0
        else greatest(orders.total_amount - coalesce(totals.returned_amount, 0), 0)
    end::numeric(15, 3) as kept_amount,
    orders.currency,
    orders.created_at,
    orders.ordered_at,
    {{ shop_date('orders.ordered_at') }} as ordered_date,
    coalesce(totals.line_count, 0) as line_count,
    orders.cancelled_at,
    orders.cancellation_reason,
    orders.is_cancelled,
    orders.is_simulated,
    {{ is_sale('orders') }} as is_sale
from orders
full join totals on orders.order_id = totals.order_id -- full: never a nested loop (ADR 25)
