// A backend service in Node: calls the gateway from the .proto files, decodes a typed error.
// Arguments: the gateway's address, the folder of the .proto files.
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");
const protobuf = require("protobufjs");

const [address, protos] = process.argv.slice(2);
const definition = loader.loadSync(["botmesh/v1/bot.proto", "botmesh/v1/tenant.proto"], {
  includeDirs: [protos],
  keepCase: true,
  enums: String,
});
const { BotService, TenantService } = grpc.loadPackageDefinition(definition).botmesh.v1;

// google.rpc.Status and ErrorInfo, as far as they are read here.
const { root } = protobuf.parse(`
  syntax = "proto3";
  message Any { string type_url = 1; bytes value = 2; }
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
  message ErrorInfo { string reason = 1; string domain = 2; map<string, string> metadata = 3; }
`);
const Status = root.lookupType("Status");
const ErrorInfo = root.lookupType("ErrorInfo");

function errorInfo(error) {
  const [bytes] = error.metadata.get("grpc-status-details-bin");
  const detail = Status.decode(bytes).details.find((d) => d.typeUrl.endsWith("/google.rpc.ErrorInfo"));
  return ErrorInfo.decode(detail.value);
}

const credentials = grpc.credentials.createInsecure();
const tenants = new TenantService(address, credentials);
const bots = new BotService(address, credentials);

tenants.CreateTenant({ name: "Tienda Oeste", stopped: true }, (failure, answer) => {
  if (failure) throw failure;
  console.log(answer.tenant.tenant_id, answer.tenant.desired_state);
  const message = { tenant_id: "nobody", to: "+5215512345678", content: { text: { body: "Hola" } } };
  bots.SendMessage(message, { deadline: Date.now() + 5000 }, (error) => {
    const info = errorInfo(error);
    console.log(info.domain, info.reason, grpc.status[error.code]);
    tenants.close();
    bots.close();
  });
});
