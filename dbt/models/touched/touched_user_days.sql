with user_actions as (
    select * from {{ ref('stg_analytics__user_actions') }} where {{ newly_landed('user-actions.v1') }}
),

product_views as (
    select * from {{ ref('stg_analytics__product_views') }} where {{ newly_landed('user-actions.v1') }}
)

select user_id, {{ shop_date('occurred_at') }} as occurred_date from user_actions
union
select user_id, {{ shop_date('occurred_at') }} from product_views
