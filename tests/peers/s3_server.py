"""A server of S3 on 127.0.0.1 (moto) that checks signatures and what a user may do.

    s3_server.py FOLDER

Puts the files of FOLDER into the bucket "shards" and prints its port, an access key and its secret,
and temporary ones of a role with their token; ends when its input closes.
"""
import json
import os
import pathlib
import sys

files = [path for path in sorted(pathlib.Path(sys.argv[1]).iterdir()) if path.is_file()]
# So many requests need no signature: those below.
os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = str(7 + len(files))

import boto3
from moto.server import ThreadedMotoServer

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
access = dict(endpoint_url=f"http://127.0.0.1:{port}", region_name="us-east-1",
              aws_access_key_id="none", aws_secret_access_key="none")
users = boto3.client("iam", **access)
users.create_user(UserName="reader")
key = users.create_access_key(UserName="reader")["AccessKey"]
policy = {"Version": "2012-10-17",
          "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
users.put_user_policy(UserName="reader", PolicyName="read", PolicyDocument=json.dumps(policy))
role = users.create_role(RoleName="trainer", AssumeRolePolicyDocument="{}")["Role"]
users.put_role_policy(RoleName="trainer", PolicyName="read", PolicyDocument=json.dumps(policy))
lent = boto3.client("sts", **access).assume_role(RoleArn=role["Arn"], RoleSessionName="month")["Credentials"]
store = boto3.client("s3", **access)
store.create_bucket(Bucket="shards")
for path in files:
    store.put_object(Bucket="shards", Key=f"data/{path.name}", Body=path.read_bytes())
print(port, key["AccessKeyId"], key["SecretAccessKey"], lent["AccessKeyId"], lent["SecretAccessKey"],
      lent["SessionToken"], flush=True)
sys.stdin.read()
os._exit(0)
