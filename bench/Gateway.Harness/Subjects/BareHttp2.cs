using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Net;
using Gateway.Core.Timing;
using Gateway.Server.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Gateway.Harness.Subjects;

/// <summary>The least that a Kestrel server can do with the bytes of gRPC calls: reads the whole body, answers as many bytes as the gateway with the same trailers.</summary>
/// <remarks>With the gateway's own thread and memory settings, so that what remains is the gateway's own cost.</remarks>
internal static class BareHttp2
{
    public const string Command = "bare-http2";

    /// <param name="arguments">A port for HTTP/1.1, on which it says that it is ready; the port for HTTP/2; bytes of each answer.</param>
    public static async Task RunAsync(IReadOnlyList<string> arguments)
    {
        int[] numbers = [.. arguments.Select(argument => int.Parse(argument, CultureInfo.InvariantCulture))];
        byte[] body = new byte[numbers[2]];
        ThreadScheduling.PreferThroughput();
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.Http2.MaxStreamsPerConnection = 1024;
            kestrel.Listen(IPAddress.Loopback, numbers[0], listen => listen.Protocols = HttpProtocols.Http1);
            kestrel.Listen(IPAddress.Loopback, numbers[1], listen => listen.Protocols = HttpProtocols.Http2);
        });
        builder.Services.AddSingleton<IMemoryPoolFactory<byte>, WireMemoryPool>();
        WebApplication app = builder.Build();
        app.Run(context => AnswerAsync(context, body));
        await app.RunAsync().ConfigureAwait(false);
    }

    private static async Task AnswerAsync(HttpContext context, byte[] body)
    {
        if (!HttpMethods.IsPost(context.Request.Method)) return;
        PipeReader reader = context.Request.BodyReader;
        while (true)
        {
            ReadResult read = await reader.ReadAsync().ConfigureAwait(false);
            reader.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted) break;
        }

        context.Response.ContentType = "application/grpc";
        context.Response.BodyWriter.Write(body);
        context.Response.AppendTrailer("grpc-status", "0");
    }
}
