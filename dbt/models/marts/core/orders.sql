{{ config(unique_key='order_id', incremental_strategy='merge',
          indexes=[{'columns': ['user_id']}, {'columns': ['loaded_xid']}]) }}

with orders as (
    select *, cancelled_at is not null as is_cancelled from {{ ref('int_orders__resolve') }}
    where {{ is_new('loaded_xid') }}
),

lines as not materialized (
    select * from {{ ref('order_items') }}
),

totals as (
    select
        orders.order_id,
        count(*)::int as line_count,
        sum(lines.quantity) as quantity,
        sum(lines.returned_quantity) as returned_quantity,
        sum(lines.amount - {{ kept_amount('lines') }}) as returned_amount
    from orders
    inner join lines on orders.order_id = lines.order_id
    group by orders.order_id
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
    greatest(orders.total_amount - coalesce(totals.returned_amount, 0), 0)::numeric(12, 2) as kept_amount,
    orders.currency,
    orders.ordered_at,
    {{ shop_date('orders.ordered_at') }} as ordered_date,
    coalesce(totals.line_count, 0) as line_count,
    orders.is_cancelled,
    orders.is_simulated,
    {{ is_sale('orders') }} as is_sale,
    orders.loaded_xid
from orders
full join totals on orders.order_id = totals.order_id -- full: never a nested loop (ADR 25)
