using Gateway.Core.Memory.Shared;
using Gateway.Server.Grpc.Messages;
using Gateway.Server.Grpc.Wire;
using Gateway.UnitTests.Memory.Shared;
using Gateway.UnitTests.Models.Repository;
using Google.Protobuf;
using LogValue = Gateway.Server.Grpc.Messages.LogSettingsRequest.Types.SettingValue;
using TraceValue = Gateway.Server.Grpc.Messages.TraceSettingRequest.Types.SettingValue;

namespace Gateway.UnitTests.Grpc;

/// <summary>Damaged messages for the methods that are not inferences: never a fault of the server, and never a leak (which is checked as the server is disposed).</summary>
public sealed class ColdMethodFuzzTests
{
    private const int Calls = 1500;

    [Fact]
    public async Task Call_DamagedMessages_AreTheClientsMistakes()
    {
        const int Seed = 20261126;
        using SharedFile file = new(new byte[64]);
        SharedRegions regions = new(isAllowed: true);
        ScriptedRepository? repository = null;
        await using (GrpcServer server = await GrpcServer.StartAsync(
            control: (catalog, pool) => (repository = new ScriptedRepository(catalog: catalog, pool: pool)).Repository,
            regions: regions))
        {
            (string Method, IMessage Message)[] messages = Messages(file.Key);
            Random random = new(Seed);
            Dictionary<GrpcStatus, int> seen = [];
            for (int i = 0; i < Calls; i++)
            {
                (string method, IMessage message) = messages[random.Next(messages.Length)];
                byte[] body = Damage(random, message.ToByteArray());

                GrpcAnswer answer = await server.Client.SendAsync(GrpcClient.Service + method, GrpcClient.Frame(body));

                GrpcStatus status = (GrpcStatus)answer.Status;
                Assert.True(
                    status is GrpcStatus.Ok or GrpcStatus.InvalidArgument or GrpcStatus.NotFound or GrpcStatus.AlreadyExists or GrpcStatus.Unimplemented,
                    $"call {i} of seed {Seed}, {method}: {status} {answer.Message}");

                // Google's reader puts this character where a string is not UTF-8; none of the messages has it.
                if (status == GrpcStatus.Ok) Assert.DoesNotContain("\uFFFD", message.Descriptor.Parser.ParseFrom(body).ToString(), StringComparison.Ordinal);
                seen[status] = seen.GetValueOrDefault(status) + 1;
                if (i % 50 == 0) regions.UnregisterAll<SharedRegion>();
            }

            Assert.True(seen.GetValueOrDefault(GrpcStatus.Ok) > Calls / 20 && seen.GetValueOrDefault(GrpcStatus.InvalidArgument) > Calls / 20, string.Join(", ", seen));
            await repository!.DisposeAsync();
        }

        regions.UnregisterAll<SharedRegion>();
    }

    private static byte[] Damage(Random random, byte[] message)
    {
        List<byte> bytes = [.. message];
        for (int changes = random.Next(4); changes > 0; changes--)
        {
            int at = random.Next(bytes.Count + 1);
            if (random.Next(3) == 0) bytes.Insert(at, (byte)random.Next(256));
            else if (at == bytes.Count) continue;
            else if (random.Next(2) == 0) bytes.RemoveAt(at);
            else bytes[at] = (byte)random.Next(256);
        }

        return random.Next(20) == 0 ? [.. bytes.Take(random.Next(bytes.Count + 1))] : [.. bytes];
    }

    private static (string Method, IMessage Message)[] Messages(string key) =>
    [
        ("RepositoryIndex", new RepositoryIndexRequest { Ready = true }),
        ("RepositoryModelLoad", new RepositoryModelLoadRequest { ModelName = "m", Parameters = { ["config"] = new ModelRepositoryParameter { StringParam = "{}" }, ["file:1/model.onnx"] = new ModelRepositoryParameter { BytesParam = ByteString.CopyFromUtf8("broken on purpose") } } }),
        ("RepositoryModelUnload", new RepositoryModelUnloadRequest { ModelName = "m", Parameters = { ["unload_dependents"] = new ModelRepositoryParameter { BoolParam = true } } }),
        ("SystemSharedMemoryRegister", new SystemSharedMemoryRegisterRequest { Name = "r", Key = key, Offset = 8, ByteSize = 16 }),
        ("SystemSharedMemoryStatus", new SystemSharedMemoryStatusRequest { Name = "r" }),
        ("SystemSharedMemoryUnregister", new SystemSharedMemoryUnregisterRequest { Name = "r" }),
        ("CudaSharedMemoryRegister", new CudaSharedMemoryRegisterRequest { Name = "r", RawHandle = ByteString.CopyFrom(1, 2, 3), ByteSize = 4 }),
        ("TraceSetting", new TraceSettingRequest { ModelName = "rank", Settings = { ["trace_level"] = new TraceValue { Value = { "OFF" } }, ["trace_rate"] = new TraceValue { Value = { "1000" } } } }),
        ("LogSettings", new LogSettingsRequest { Settings = { ["log_info"] = new LogValue { BoolParam = true }, ["log_format"] = new LogValue { StringParam = "default" } } }),
        ("ModelStatistics", new ModelStatisticsRequest { Name = "rank", Version = "1" }),
        ("ModelConfig", new ModelConfigRequest { Name = "rank" }),
    ];
}
