using Gateway.Protocol.Tensors;
using Gateway.Server.Frames;
using Gateway.UnitTests.OpenInference;

namespace Gateway.UnitTests.Frames;

/// <summary>The examples of the protocol's description, byte for byte.</summary>
public sealed class ExamplesTests
{
    private static string Description => Path.Combine(AppContext.BaseDirectory, "protocol", "frames.md");

    [Fact]
    public async Task Examples_OfTheDescription_AreWhatIsSentAndAnswered()
    {
        List<(string Who, byte[] Bytes)> frames = Read(await File.ReadAllTextAsync(Description, TestContext.Current.CancellationToken));
        InferenceServer server = await InferenceServer.StartAsync(frames: new FramesOptions { ServerVersion = "1.0.0" });
        server.Add("echo", 8, [SampleModels.Spec("x", DataType.Fp32, [2])], [SampleModels.Spec("y", DataType.Fp32, [2])], SampleModels.Copy);
        using FrameSocket connection = await FrameSocket.ConnectAsync(server);

        foreach ((string who, byte[] bytes) in frames[..^1])
        {
            if (who == "client") await connection.SendAsync(bytes);
            else Assert.Equal(Convert.ToHexString(bytes), Convert.ToHexString(await connection.ReceiveFrameAsync()));
        }

        // The last is the goodbye.
        Task stopped = server.DisposeAsync().AsTask();
        Assert.Equal(Convert.ToHexString(frames[^1].Bytes), Convert.ToHexString(await connection.ReceiveFrameAsync()));
        await stopped;
        Assert.Equal(18, frames.Count);
    }

    /// <summary>Frames begin with a line that says whose they are; bytes stand before a bar.</summary>
    private static List<(string Who, byte[] Bytes)> Read(string description)
    {
        List<(string Who, List<byte> Bytes)> frames = [];
        foreach (string line in description[description.IndexOf("## Examples", StringComparison.Ordinal)..].Split('\n'))
        {
            if (line is "client" or "server") frames.Add((line, []));
            else if (line.StartsWith("  ", StringComparison.Ordinal)) frames[^1].Bytes.AddRange(Convert.FromHexString(line.Split('|')[0].Replace(" ", "", StringComparison.Ordinal)));
        }

        return [.. frames.Select(frame => (frame.Who, frame.Bytes.ToArray()))];
    }
}
