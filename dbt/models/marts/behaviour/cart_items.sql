{{ config(unique_key=['user_id', 'product_id'], incremental_strategy='merge') }}

with events as ( -- visitors' carts end without an event, and so do those of deleted users
    select * from {{ ref('stg_cart__items') }}
    where {{ landed('cart.v1') }} and not {{ is_visitor('user_id') }} and not starts_with(user_id, 'erased:')
),

history as ( -- what the model has is one event more
    select
        user_id, product_id, quantity, currency, product_price, order_id, occurred_at as first_added_at,
        occurred_at as changed_at, event_id
    from events
    {% if is_incremental() -%}
        union all
        select
            user_id, product_id, quantity, currency, product_price, order_id, first_added_at, changed_at, event_id
        from {{ this }}
        where (user_id, product_id) in (select user_id, product_id from events)
    {%- endif %}
),

latest as (
    select distinct on (user_id, product_id)
        user_id, product_id, quantity, currency, product_price, order_id, changed_at, event_id,
        min(first_added_at) over of_item as first_added_at
    from history
    window of_item as (partition by user_id, product_id)
    order by user_id, product_id, changed_at desc, event_id desc
)

select
    user_id,
    product_id,
    case
        when quantity > 0 then 'IN_CART'
        when order_id is not null then 'ORDERED'
        else 'REMOVED'
    end as status,
    quantity,
    currency,
    product_price,
    order_id,
    first_added_at,
    changed_at,
    event_id
from latest
