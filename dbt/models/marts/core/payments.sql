{{ config(unique_key='payment_id', incremental_strategy='merge', indexes=[{'columns': ['order_id']}]) }}

with events as (
    select * from {{ ref('stg_payment__payments') }} where {{ landed('payment.v1') }}
),

history as ( -- what the model has is one event more
    select
        payment_id, order_id, user_id, currency, amount, failure_reason,
        case when change = 'PAYMENT_AUTHORIZED' then occurred_at end as authorized_at,
        case when change = 'PAYMENT_COMPLETED' then occurred_at end as completed_at,
        case when change = 'PAYMENT_FAILED' then occurred_at end as failed_at,
        occurred_at as changed_at, event_id
    from events
    {% if is_incremental() -%}
        union all
        select
            payment_id, order_id, user_id, currency, amount, failure_reason, authorized_at, completed_at, failed_at,
            changed_at, event_id
        from {{ this }}
        where payment_id in (select payment_id from events)
    {%- endif %}
),

latest as (
    select distinct on (payment_id)
        payment_id, order_id, user_id, currency, amount, failure_reason, changed_at, event_id,
        min(authorized_at) over of_payment as authorized_at,
        min(completed_at) over of_payment as completed_at,
        min(failed_at) over of_payment as failed_at
    from history
    window of_payment as (partition by payment_id)
    order by payment_id, changed_at desc, event_id desc
)

select
    payment_id,
    order_id,
    user_id,
    case
        when completed_at is not null then 'COMPLETED'
        when failed_at is not null then 'FAILED'
        else 'AUTHORIZED'
    end as status,
    currency,
    amount,
    authorized_at,
    completed_at,
    {{ shop_date('completed_at') }} as completed_date,
    failed_at,
    failure_reason,
    changed_at,
    event_id
from latest
