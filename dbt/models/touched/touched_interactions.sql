with orders as (
    select * from {{ ref('touched_orders') }}
),

lines as (
    select * from {{ ref('order_items') }}
),

products as ( -- whose past purchases count now, or do no longer
    select * from {{ ref('int_products__classify') }} where {{ changed_since_last('reason_changed_in_run') }}
)

select order_id from orders
union
select order_id from lines where product_id in (select product_id from products)
