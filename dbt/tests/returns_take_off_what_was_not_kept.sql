with lines as (
    select
        order_id,
        product_id,
        sum(returned_quantity) as quantity,
        sum(amount - {{ kept_amount('order_items') }}) as amount
    from {{ ref('order_items') }} as order_items
    where returned_quantity > 0 and {{ is_checked('order_id', 'touched_orders') }}
    group by order_id, product_id
),

returns as (
    select
        order_id,
        product_id,
        sum(quantity) as quantity,
        sum(amount) as amount
    from {{ ref('returns') }}
    where quantity > 0 and {{ is_checked('order_id', 'touched_orders') }}
    group by order_id, product_id
)

select
    order_id,
    product_id,
    lines.quantity,
    lines.amount,
    returns.quantity as quantity_of_returns,
    returns.amount as amount_of_returns
from lines
full join returns using (order_id, product_id)
where (lines.quantity, lines.amount) is distinct from (returns.quantity, returns.amount)
