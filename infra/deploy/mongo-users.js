// Written by `python -m infra.deploy.rights`; do not edit.
// PASSWORDS=passwords.json mongosh URL/admin mongo-users.js   // passwords.json: {user: password}
const passwords = JSON.parse(require("fs").readFileSync(process.env.PASSWORDS, "utf8"));
db.createUser({ user: "assets", pwd: passwords["assets"], roles: [{"role": "readWrite", "db": "watchbill_assets"}] });
db.createUser({ user: "inspections", pwd: passwords["inspections"], roles: [{"role": "readWrite", "db": "watchbill_inspections"}] });
db.createUser({ user: "incidents", pwd: passwords["incidents"], roles: [{"role": "readWrite", "db": "watchbill_incidents"}] });
db.createUser({ user: "scoring", pwd: passwords["scoring"], roles: [{"role": "readWrite", "db": "watchbill_scoring"}] });
db.createUser({ user: "notify", pwd: passwords["notify"], roles: [{"role": "readWrite", "db": "watchbill_notify"}] });
db.createUser({ user: "console", pwd: passwords["console"], roles: [{"role": "readWrite", "db": "watchbill_console"}] });
db.createUser({ user: "backup", pwd: passwords["backup"], roles: [{"role": "read", "db": "watchbill_assets"}, {"role": "read", "db": "watchbill_inspections"}, {"role": "read", "db": "watchbill_incidents"}, {"role": "read", "db": "watchbill_scoring"}, {"role": "read", "db": "watchbill_notify"}, {"role": "read", "db": "watchbill_console"}] });
db.createUser({ user: "restore", pwd: passwords["restore"], roles: [{"role": "readWrite", "db": "watchbill_assets"}, {"role": "readWrite", "db": "watchbill_inspections"}, {"role": "readWrite", "db": "watchbill_incidents"}, {"role": "readWrite", "db": "watchbill_scoring"}, {"role": "readWrite", "db": "watchbill_notify"}, {"role": "readWrite", "db": "watchbill_console"}] });
