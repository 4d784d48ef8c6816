select
    event_id,
    occurred_at,
    lane,
    number,
    event_type = 'ORDER_COMPLETED' as is_confirmed,
    (data ->> 'orderId')::bigint as order_id,
    data ->> 'externalId' as external_id,
    data ->> 'userId' as user_id,
    data -> 'items' as items,
    (data ->> 'totalAmount')::numeric(15, 3) as total_amount,
    coalesce(data ->> 'currency', 'JPY') as currency,
    coalesce((data ->> 'simulated')::boolean, false) as is_simulated
from {{ source('raw', 'order_v1') }}
where event_type in ('ORDER_CREATED', 'ORDER_COMPLETED')
