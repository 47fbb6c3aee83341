using System.Reflection;
using Gateway.TestSupport;
using Gateway.TestSupport.Grpc;

namespace Gateway.IntegrationTests.Grpc;

/// <summary>A short run of what <c>tests/Gateway.Streams</c> does for ten minutes: streams that are cancelled, closed and cut at random, and the server's account of them.</summary>
public sealed class StreamStressTests
{
    private const int Side = 64;

    [Fact]
    public async Task Streams_EndedAtRandom_AreAnsweredInOrderAndAccountedFor()
    {
        DirectoryInfo repository = Directory.CreateTempSubdirectory("gateway-streams-");
        try
        {
            string folder = Directory.CreateDirectory(Path.Combine(repository.FullName, "echo", "1")).FullName;
            await File.WriteAllTextAsync(Path.Combine(folder, "..", "config.pbtxt"), "max_batch_size: 64 dynamic_batching {}", TestContext.Current.CancellationToken);
            await File.WriteAllBytesAsync(Path.Combine(folder, "model.onnx"), OnnxFile.Linear(1, 0, Side), TestContext.Current.CancellationToken);
            string program = typeof(StreamStressTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(each => each.Key == "Program").Value!;
            using ServerProcess server = await ServerProcess.StartAsync(program, repository.FullName, "echo");
            StreamStress stress = new(server.GrpcAddress, server.MetricsAddress, "echo", Side, seed: 20261126);

            await stress.RunAsync(streams: 96, TimeSpan.FromSeconds(3));

            Assert.Empty(stress.Tally.Violations);
            Assert.True(stress.Tally.Answers > 100 && stress.Tally.Cancelled > 10, stress.Tally.ToString());
            Assert.False(server.HasEnded);
        }
        finally
        {
            repository.Delete(recursive: true);
        }
    }
}
