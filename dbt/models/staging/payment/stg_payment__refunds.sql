select
    event_id,
    occurred_at,
    lane,
    number,
    replace(data ->> 'refundId', 'urn:uuid:', '')::uuid as refund_id,
    replace(data ->> 'paymentId', 'urn:uuid:', '')::uuid as payment_id,
    (data ->> 'orderId')::bigint as order_id,
    data ->> 'userId' as user_id,
    (data ->> 'amount')::numeric(15, 3) as amount,
    coalesce(data ->> 'currency', 'JPY') as currency
from {{ source('raw', 'payment_v1') }}
where event_type = 'REFUND_COMPLETED'
