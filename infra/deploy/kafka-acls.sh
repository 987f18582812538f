#!/bin/sh
# Written by `python -m infra.deploy.rights`; do not edit.
# ADMIN='--bootstrap-server HOST:PORT --command-config owner.properties' sh kafka-acls.sh
set -eu
kafka-acls.sh $ADMIN --add --allow-principal User:assets --operation Write --topic agreements --topic readings
kafka-acls.sh $ADMIN --add --allow-principal User:assets --operation Read --topic agreements --topic readings
kafka-acls.sh $ADMIN --add --allow-principal User:assets --operation Describe --topic incidents --topic inspections --topic notices --topic scores
kafka-acls.sh $ADMIN --add --allow-principal User:assets --operation Read --group watchbill.assets. --resource-pattern-type prefixed
kafka-acls.sh $ADMIN --add --allow-principal User:console --operation Read --topic agreements --topic incidents --topic inspections --topic notices --topic scores
kafka-acls.sh $ADMIN --add --allow-principal User:console --operation Describe --topic readings
kafka-acls.sh $ADMIN --add --allow-principal User:console --operation Read --group watchbill.console. --resource-pattern-type prefixed
kafka-acls.sh $ADMIN --add --allow-principal User:incidents --operation Write --topic incidents
kafka-acls.sh $ADMIN --add --allow-principal User:incidents --operation Read --topic agreements --topic inspections --topic readings
kafka-acls.sh $ADMIN --add --allow-principal User:incidents --operation Describe --topic notices --topic scores
kafka-acls.sh $ADMIN --add --allow-principal User:incidents --operation Read --group watchbill.incidents. --resource-pattern-type prefixed
kafka-acls.sh $ADMIN --add --allow-principal User:inspections --operation Write --topic inspections
kafka-acls.sh $ADMIN --add --allow-principal User:inspections --operation Read --topic agreements
kafka-acls.sh $ADMIN --add --allow-principal User:inspections --operation Describe --topic incidents --topic notices --topic readings --topic scores
kafka-acls.sh $ADMIN --add --allow-principal User:inspections --operation Read --group watchbill.inspections. --resource-pattern-type prefixed
kafka-acls.sh $ADMIN --add --allow-principal User:notify --operation Write --topic notices
kafka-acls.sh $ADMIN --add --allow-principal User:notify --operation Read --topic agreements --topic incidents --topic inspections --topic scores
kafka-acls.sh $ADMIN --add --allow-principal User:notify --operation Describe --topic readings
kafka-acls.sh $ADMIN --add --allow-principal User:notify --operation Read --group watchbill.notify. --resource-pattern-type prefixed
kafka-acls.sh $ADMIN --add --allow-principal User:scoring --operation Write --topic scores
kafka-acls.sh $ADMIN --add --allow-principal User:scoring --operation Read --topic agreements --topic incidents --topic inspections --topic readings
kafka-acls.sh $ADMIN --add --allow-principal User:scoring --operation Describe --topic notices
kafka-acls.sh $ADMIN --add --allow-principal User:scoring --operation Read --group watchbill.scoring. --resource-pattern-type prefixed
kafka-acls.sh $ADMIN --add --allow-principal User:backup --operation Read --topic agreements --topic incidents --topic inspections --topic notices --topic readings --topic scores
kafka-acls.sh $ADMIN --add --allow-principal User:backup --operation Describe --group watchbill. --resource-pattern-type prefixed
kafka-acls.sh $ADMIN --add --allow-principal User:restore --operation Write --topic agreements --topic incidents --topic inspections --topic notices --topic readings --topic scores
