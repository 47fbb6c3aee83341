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

/// <summary>The least that a Kestrel server can do with the same bytes: reads the whole body, answers as many bytes as the gateway with the same headers.</summary>
internal static class BareKestrel
{
    public const string Command = "bare-kestrel";

    // The gateway's own limits: they decide what Kestrel checks on each request.
    private const long MaxRequestBodySize = 64L << 20;
    private const int MaxConnections = 10_000;

    /// <summary>A further argument: with the gateway's own thread and memory settings instead of the framework's.</summary>
    public const string Tuned = "tuned";

    /// <param name="arguments">Port, JSON bytes of each answer, bytes of each answer; <see cref="Tuned"/> or not.</param>
    public static async Task RunAsync(IReadOnlyList<string> arguments)
    {
        int[] numbers = [.. arguments.Take(3).Select(argument => int.Parse(argument, CultureInfo.InvariantCulture))];
        string inferenceHeader = numbers[1].ToString(CultureInfo.InvariantCulture);
        byte[] body = new byte[numbers[2]];
        if (arguments.Contains(Tuned)) ThreadScheduling.PreferThroughput();
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = MaxRequestBodySize;
            kestrel.Limits.MaxConcurrentConnections = MaxConnections;
            kestrel.Listen(IPAddress.Loopback, numbers[0], listen => listen.Protocols = HttpProtocols.Http1);
        });
        if (arguments.Contains(Tuned)) builder.Services.AddSingleton<IMemoryPoolFactory<byte>, WireMemoryPool>();
        WebApplication app = builder.Build();
        app.Run(context => AnswerAsync(context, inferenceHeader, body));
        await app.RunAsync().ConfigureAwait(false);
    }

    private static async Task AnswerAsync(HttpContext context, string inferenceHeader, byte[] body)
    {
        PipeReader reader = context.Request.BodyReader;
        while (true)
        {
            ReadResult read = await reader.ReadAsync().ConfigureAwait(false);
            reader.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted) break;
        }

        HttpResponse response = context.Response;
        response.ContentType = "application/octet-stream";
        response.Headers["Inference-Header-Content-Length"] = inferenceHeader;
        response.ContentLength = body.Length;
        body.CopyTo(response.BodyWriter.GetSpan(body.Length));
        response.BodyWriter.Advance(body.Length);
        await response.BodyWriter.FlushAsync().ConfigureAwait(false);
    }
}
