select
    event_id,
    occurred_at,
    lane,
    number,
    (data ->> 'orderId')::bigint as order_id,
    data ->> 'userId' as user_id,
    data ->> 'reason' as reason
from {{ source('raw', 'order_v1') }}
where event_type = 'ORDER_CANCELLED'
