{#
  What each return took off the lines of its order: units fill the lines of their product from the first on, as in
  `order_items`, one return after the other. A return takes off what was kept before it and is not kept after it, so that
  all returns of a line together take off exactly what `kept_amount` leaves out of it.
#}
{% macro taken_off(lines, returns) -%}
allocated as (
    select
        returns.return_id, point.is_after, lines.order_id, lines.product_id, lines.currency, lines.quantity,
        lines.amount, {{ is_sale('lines') }} as is_sale,
        greatest(least(lines.quantity, point.returned - lines.quantity_before), 0) as returned_quantity
    from {{ returns }} as returns
    cross join lateral (
        values (false, returned_until - returned_quantity), (true, returned_until)
    ) as point (is_after, returned)
    inner join {{ lines }} as lines on returns.order_id = lines.order_id and returns.product_id = lines.product_id
),

kept as (
    select *, {{ kept_quantity('allocated') }} as kept_quantity, {{ kept_amount('allocated') }} as kept_amount
    from allocated
),

taken_off as (
    select
        order_id, return_id, product_id, currency, is_sale,
        sum(case when is_after then -kept_quantity else kept_quantity end) as quantity,
        sum(case when is_after then -kept_amount else kept_amount end) as amount
    from kept
    group by order_id, return_id, product_id, currency, is_sale
)
{%- endmacro %}
