using System.Globalization;
using Gateway.Features;
using Gateway.Protocol.MessagePack;
using Gateway.Server.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Gateway.UnitTests.Features.Files;

/// <summary><c>gateway features load</c>: how the rows of a file come to the server.</summary>
public sealed class FeatureLoadTests : IDisposable
{
    private readonly string _file = Path.Combine(Directory.CreateTempSubdirectory("rows").FullName, "rows.csv");

    public void Dispose() => Directory.Delete(Path.GetDirectoryName(_file)!, recursive: true);

    [Fact]
    public async Task Batches_OfALargeFile_AreSentOneAfterTheOther()
    {
        // Four batches of 4,096 rows, and one.
        await File.WriteAllLinesAsync(_file, Enumerable.Range(0, (4 * 4096) + 1).Select(i => string.Create(CultureInfo.InvariantCulture, $"{i},{i}")), TestContext.Current.CancellationToken);
        List<long> firstKeys = [];
        int inside = 0;
        int most = 0;
        await using WebApplication server = await ServeAsync(async context =>
        {
            most = Math.Max(most, Interlocked.Increment(ref inside));

            // Whoever sends the next before this is answered has the time to.
            await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, context.RequestAborted);
            using MemoryStream body = new();
            await context.Request.Body.CopyToAsync(body, context.RequestAborted);
            lock (firstKeys) firstKeys.Add(FirstKey(body.ToArray()));
            Interlocked.Decrement(ref inside);
            context.Response.ContentType = "application/msgpack";
            await context.Response.Body.WriteAsync(Answer(), context.RequestAborted);
        });
        await using StringWriter output = new();
        int code = await FeatureLoadCommand.RunAsync(new FeatureLoadOptions("v", _file, new Uri(server.Urls.Single())), new ServerOptions(), output, TestContext.Current.CancellationToken);

        Assert.Equal(0, code);
        Assert.Equal(1, most);
        Assert.Equal([0, 4096, 8192, 12_288, 16_384], firstKeys);
        Assert.Contains("16385 rows in ", output.ToString(), StringComparison.Ordinal);
        Assert.Contains(": 10 new, 5 in the place of others", output.ToString(), StringComparison.Ordinal);
    }

    private static async Task<WebApplication> ServeAsync(RequestDelegate onRows)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        WebApplication app = builder.Build();
        app.Run(context => HttpMethods.IsGet(context.Request.Method) ? context.Response.WriteAsync("""{"key":"INT64","datatype":"FP32","shape":[1]}""") : onRows(context));
        await app.StartAsync(TestContext.Current.CancellationToken);
        return app;
    }

    private static long FirstKey(byte[] body)
    {
        MessagePackReader reader = new(body);
        Assert.True(reader.TryReadMapHeader(out _) && reader.TryReadString(out _));
        Assert.True(reader.TryReadBinary(out ReadOnlySpan<byte> keys));
        return BitConverter.ToInt64(keys);
    }

    private static byte[] Answer()
    {
        byte[] answer = new byte[64];
        MessagePackWriter writer = new(answer);
        writer.WriteMapHeader(2);
        writer.WriteString("created"u8);
        writer.WriteInteger(2);
        writer.WriteString("replaced"u8);
        writer.WriteInteger(1);
        return answer[..writer.Position];
    }
}
