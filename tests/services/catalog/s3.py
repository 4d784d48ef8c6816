"""Buckets of moto's server."""

import boto3

from tests.moto import REGION, Moto


class S3(Moto):
    """A server with buckets."""

    def new_bucket(self, name):
        """Make a bucket; its client."""
        client = boto3.client("s3", region_name=REGION, endpoint_url=self.url)
        client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        return client
