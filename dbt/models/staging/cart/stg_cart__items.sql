select
    event_id,
    occurred_at,
    lane,
    number,
    data ->> 'userId' as user_id,
    (data ->> 'productId')::bigint as product_id,
    (data ->> 'quantity')::int as quantity,
    data ->> 'currency' as currency,
    (data ->> 'productPrice')::numeric(15, 3) as product_price,
    (data ->> 'orderId')::bigint as order_id
from {{ source('raw', 'cart_v1') }}
where event_type in ('CART_ITEM_ADDED', 'CART_ITEM_CHANGED', 'CART_ITEM_REMOVED')
