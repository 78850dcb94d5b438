# A server of Amazon's protocol that is not ours: moto's. Prints where it is, and ends when its input does.
import json
import sys

import boto3
from moto.server import ThreadedMotoServer

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
endpoint = "http://%s:%d" % server.get_host_and_port()
credentials = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", **credentials).create_bucket(Bucket="models")
print(json.dumps({"endpoint": endpoint, "bucket": "models"}), flush=True)
sys.stdin.read()
server.stop()
