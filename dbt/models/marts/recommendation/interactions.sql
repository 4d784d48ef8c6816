{{ config(unique_key='order_id', incremental_strategy='recompute') }}

with lines as (
    select * from {{ ref('order_items') }} where {{ is_touched('order_id', 'touched_interactions') }}
),

items as not materialized (
    select * from {{ ref('item_features') }}
)

select
    lines.order_id,
    lines.line_number,
    lines.user_id,
    lines.product_id,
    {{ kept_quantity('lines') }} as quantity,
    lines.currency,
    ({{ kept_amount('lines') }})::numeric(15, 3) as amount,
    lines.ordered_at
from lines
inner join items on lines.product_id = items.product_id
where {{ is_interaction('lines', 'items') }}
