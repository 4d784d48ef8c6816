select
    event_id,
    occurred_at,
    lane,
    number,
    event_type as change,
    replace(data ->> 'paymentId', 'urn:uuid:', '')::uuid as payment_id,
    (data ->> 'orderId')::bigint as order_id,
    data ->> 'userId' as user_id,
    (data ->> 'amount')::numeric(15, 3) as amount,
    coalesce(data ->> 'currency', 'JPY') as currency,
    data ->> 'failureReason' as failure_reason
from {{ source('raw', 'payment_v1') }}
where event_type in ('PAYMENT_AUTHORIZED', 'PAYMENT_COMPLETED', 'PAYMENT_FAILED')
