using Gateway.UnitTests.OpenInference;
using Google.Protobuf;
using static Gateway.UnitTests.Grpc.Http2Wire;

namespace Gateway.UnitTests.Grpc.Http2;

/// <summary>Sessions made up at random, and damaged: the server goes on, and holds nothing of them.</summary>
public sealed class FrameFuzzTests
{
    private static readonly string[] Paths =
    [
        GrpcClient.Service + "ModelInfer", GrpcClient.Service + "ModelInfer", GrpcClient.Service + "ModelStreamInfer", GrpcClient.Service + "ServerLive", "/grpc.health.v1.Health/Watch", "/no.Such/Method",
    ];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Sessions_OfAllKindsOfFrames_HarmNobody(int seed)
    {
        await using GrpcServer server = await GrpcServer.StartAsync();
        Random random = new(seed);
        for (int i = 0; i < 150; i++)
        {
            using Http2Wire wire = await OpenAsync(server.Port, random.Next(4) == 0 ? random.Next(100) : int.MaxValue, hasWindow: random.Next(2) == 0);
            byte[] session = Session(random);
            if (random.Next(2) == 0) session = Damage(random, session);
            try
            {
                for (int at = 0; at < session.Length;)
                {
                    int piece = Math.Min(session.Length - at, random.Next(3) == 0 ? random.Next(1, 20) : random.Next(1, 3000));
                    await wire.SendAsync(session.AsMemory(at, piece));
                    at += piece;
                }
            }
            catch (System.Net.Sockets.SocketException)
            {
                // The server has given it up.
            }

            if (i % 10 == 0) Assert.Equal(0, (await server.Client.CallAsync("ModelInfer", Requests.Raw("rank", [1, 3], 1, 2, 3))).Status);
        }

        await Eventually.TrueAsync(() => server.Pool.RentedBytes == 0, "all blocks are back");
    }

    private static byte[] Session(Random random)
    {
        List<byte> session = [];
        int next = 1;
        for (int frames = random.Next(1, 60); frames > 0; frames--)
        {
            int stream = (2 * random.Next(0, next)) + 1;
            switch (random.Next(12))
            {
                case 0 or 1 or 2:
                    stream = (2 * next++) + 1;
                    List<byte> head = Head(Paths[random.Next(Paths.Length)]);
                    if (random.Next(6) == 0) head.AddRange(Literal("grpc-timeout", $"{random.Next(100)}m"));
                    session.AddRange(Bytes(Headers, (byte)(EndHeaders | (random.Next(8) == 0 ? EndStream : 0)), stream, head));
                    if (random.Next(3) > 0) session.AddRange(Bytes(Data, (byte)random.Next(2), stream, Message(random)));
                    break;
                case 3 or 4 or 5:
                    byte[] message = Message(random);
                    session.AddRange(Bytes(Data, (byte)(random.Next(4) == 0 ? EndStream : 0), stream, message[..random.Next(message.Length + 1)]));
                    break;
                case 6:
                    session.AddRange(Bytes(ResetStream, 0, stream, [0, 0, 0, (byte)random.Next(14)]));
                    break;
                case 7:
                    session.AddRange(Bytes(WindowUpdate, 0, random.Next(2) == 0 ? 0 : stream, [0, 0, (byte)random.Next(256), (byte)random.Next(1, 256)]));
                    break;
                case 8:
                    session.AddRange(Bytes(Settings, 0, 0, [0, (byte)random.Next(1, 8), 0, 0, (byte)random.Next(64, 256), 0]));
                    break;
                case 9:
                    session.AddRange(Bytes(Ping, (byte)random.Next(2), 0, new byte[8]));
                    break;
                case 10:
                    session.AddRange(Bytes(Priority, 0, stream, [0, 0, 0, 0, 1]));
                    break;
                default:
                    byte[] payload = new byte[random.Next(40)];
                    random.NextBytes(payload);
                    session.AddRange(Bytes((byte)random.Next(random.Next(4) == 0 ? 10 : 1, 20), (byte)random.Next(256), random.Next(3) == 0 ? 0 : stream, payload));
                    break;
            }
        }

        return [.. session];
    }

    private static byte[] Message(Random random)
    {
        float[] elements = new float[random.Next(5) == 0 ? random.Next(3000) : 3];
        byte[] message = GrpcClient.Frame(Requests.Raw(random.Next(2) == 0 ? "rank" : "any", [1, elements.Length], elements).ToByteArray());
        return message.Length < 16_000 ? message : message[..16_000];
    }

    private static byte[] Damage(Random random, byte[] session)
    {
        for (int damages = random.Next(1, 6); damages > 0; damages--) session[random.Next(session.Length)] ^= (byte)(1 << random.Next(8));
        return session;
    }
}
