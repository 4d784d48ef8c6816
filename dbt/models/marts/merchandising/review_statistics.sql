{{ config(materialized='view') }} -- one scan of reviews, or of one product's

with reviews as (
    select * from {{ ref('reviews') }} where not is_deleted and submitted_at is not null
)

select
    product_id,
    {{ shop_date('submitted_at') }} as submitted_date,
    (count(*) filter (where not is_hidden))::int as review_count,
    (count(*) filter (where is_hidden))::int as hidden_count,
    (avg(rating) filter (where not is_hidden))::numeric(3, 2) as mean_rating,
    (count(*) filter (where not is_hidden and rating <= 2))::int as poor_count,
    (count(*) filter (where not is_hidden and text_length > 0))::int as written_count
from reviews
group by product_id, {{ shop_date('submitted_at') }}
