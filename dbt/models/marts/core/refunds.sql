{{ config(unique_key='refund_id', incremental_strategy='merge', indexes=[{'columns': ['order_id']}]) }}

with events as (
    select * from {{ ref('stg_payment__refunds') }} where {{ landed('payment.v1') }}
),

history as (
    select refund_id, payment_id, order_id, user_id, currency, amount, occurred_at as refunded_at, event_id
    from events
    {% if is_incremental() -%}
        union all
        select refund_id, payment_id, order_id, user_id, currency, amount, refunded_at, event_id
        from {{ this }}
        where refund_id in (select refund_id from events)
    {%- endif %}
)

select distinct on (refund_id)
    refund_id,
    payment_id,
    order_id,
    user_id,
    currency,
    amount,
    refunded_at,
    {{ shop_date('refunded_at') }} as refunded_date,
    event_id
from history
order by refund_id, refunded_at, event_id
