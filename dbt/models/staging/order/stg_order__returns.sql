select
    event_id,
    occurred_at,
    lane,
    number,
    event_type = 'RETURN_COMPLETED' as is_completed,
    (data ->> 'returnId')::bigint as return_id,
    (data ->> 'orderId')::bigint as order_id,
    data ->> 'userId' as user_id,
    data ->> 'reason' as reason,
    data -> 'items' as items
from {{ source('raw', 'order_v1') }}
where event_type in ('RETURN_REQUESTED', 'RETURN_COMPLETED')
