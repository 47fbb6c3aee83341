using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json;
using Gateway.CommandLine;
using Gateway.Core.Features.Configuration;
using Gateway.Protocol.MessagePack;
using Gateway.Protocol.Tensors;
using Gateway.Server.Hosting;
using Spectre.Console;

namespace Gateway.Features;

/// <summary><c>gateway features load</c>: puts what a file has into a view of a running server.</summary>
/// <remarks>A row that is put again is what it was, so that a run that was broken off is simply run again.</remarks>
internal static class FeatureLoadCommand
{
    public static async Task<int> RunAsync(FeatureLoadOptions options, ServerOptions server, TextWriter output, CancellationToken cancellation)
    {
        using ServerClient http = new(options.Server, connections: 1, server.AccessToken);
        string path = $"/v2/features/{Uri.EscapeDataString(options.View)}";
        FeatureViewConfig view = await http.DescribeAsync(path, "feature view", json => Read(json, options.View), cancellation).ConfigureAwait(false);
        long start = TimeProvider.System.GetTimestamp();
        FeatureLoad load = new(http, path + "/rows", view);
        try
        {
            using IFeatureSource source = FeatureFiles.Open(options.File, view);
            IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(output) });
            await console.Progress().Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn()).StartAsync(async progress =>
            {
                ProgressTask bar = progress.AddTask(Markup.Escape(options.View), maxValue: Math.Max(1, source.Length));
                await load.RunAsync(source, position => bar.Value = position, cancellation).ConfigureAwait(false);
                bar.Value = bar.MaxValue;
            }).ConfigureAwait(false);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or InvalidDataException or HttpRequestException)
        {
            throw new StartupException($"{options.File}: {error.Message} ({load.Rows} rows were put)");
        }

        double seconds = Math.Max(1e-3, TimeProvider.System.GetElapsedTime(start).TotalSeconds);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{load.Rows} rows in {seconds:F1} s ({load.Rows / seconds:F0}/s): {load.Created} new, {load.Replaced} in the place of others"));
        return ExitCode.Good;
    }

    private static FeatureViewConfig Read(JsonElement json, string name)
    {
        if (!json.TryGetProperty("datatype", out JsonElement type)) throw new StartupException($"feature view '{name}' cannot be used: {(json.TryGetProperty("reason", out JsonElement reason) ? reason.GetString() : "no reason is given")}");
        return new FeatureViewConfig
        {
            Name = name,
            KeyType = DataTypes.Parse(System.Text.Encoding.UTF8.GetBytes(json.GetProperty("key").GetString()!)),
            DataType = DataTypes.Parse(System.Text.Encoding.UTF8.GetBytes(type.GetString()!)),
            Row = new TensorShape([.. json.GetProperty("shape").EnumerateArray().Select(dimension => dimension.GetInt64())]),
        };
    }

    /// <summary>One run: while the server writes a batch down, the next is read. It is sent only then, so that of a key that is there twice the last row counts.</summary>
    private sealed class FeatureLoad(ServerClient http, string path, FeatureViewConfig view)
    {
        public long Rows { get; private set; }

        public long Created { get; private set; }

        public long Replaced { get; private set; }

        /// <param name="onSent">Called after each batch, with how far the file is read.</param>
        /// <exception cref="InvalidDataException">The file is damaged, or the server refuses what it has.</exception>
        public async Task RunAsync(IFeatureSource source, Action<long> onSent, CancellationToken cancellation)
        {
            FeatureBatch batch = new(view);
            Task sending = Task.CompletedTask;
            try
            {
                for (bool hasMore = true; hasMore; batch.Clear())
                {
                    while (!batch.IsFull && (hasMore = source.TryNext(batch)))
                    {
                    }

                    byte[] body = Encode(batch);
                    await sending.ConfigureAwait(false);
                    if (batch.Count > 0) sending = SendAsync(body, batch.Count, cancellation);
                    onSent(source.Position);
                }
            }
            finally
            {
                await sending.ConfigureAwait(false);
            }
        }

        private async Task SendAsync(byte[] body, int rows, CancellationToken cancellation)
        {
            using HttpResponseMessage answer = await http.PostAsync(
                path,
                () =>
                {
                    ByteArrayContent content = new(body);
                    content.Headers.ContentType = new MediaTypeHeaderValue("application/msgpack");
                    return content;
                },
                cancellation).ConfigureAwait(false);
            byte[] text = await answer.Content.ReadAsByteArrayAsync(cancellation).ConfigureAwait(false);
            if (!answer.IsSuccessStatusCode) throw new InvalidDataException($"the server says: {ErrorOf(text)}");
            (long created, long replaced) = Count(text);
            Rows += rows;
            Created += created;
            Replaced += replaced;
        }

        private static byte[] Encode(FeatureBatch batch)
        {
            byte[] body = new byte[64 + batch.Keys.Length + batch.Rows.Length];
            MessagePackWriter writer = new(body);
            writer.WriteMapHeader(2);
            writer.WriteString("keys"u8);
            writer.WriteBinary(batch.Keys.Span);
            writer.WriteString("rows"u8);
            writer.WriteBinary(batch.Rows.Span);
            return body[..writer.Position];
        }

        private static (long Created, long Replaced) Count(byte[] answer)
        {
            MessagePackReader reader = new(answer);
            (long created, long replaced) counts = default;
            if (!reader.TryReadMapHeader(out int entries)) return counts;
            for (; entries > 0 && reader.TryReadString(out ReadOnlySpan<byte> name) && reader.TryReadInt64(out long value); entries--)
            {
                if (name.SequenceEqual("created"u8)) counts.created = value;
                else if (name.SequenceEqual("replaced"u8)) counts.replaced = value;
            }

            return counts;
        }

        private static string ErrorOf(byte[] answer)
        {
            MessagePackReader reader = new(answer);
            if (!reader.TryReadMapHeader(out int entries)) return System.Text.Encoding.UTF8.GetString(answer);
            for (; entries > 0 && reader.TryReadString(out ReadOnlySpan<byte> name); entries--)
            {
                if (name.SequenceEqual("error"u8) && reader.TryReadString(out ReadOnlySpan<byte> text)) return System.Text.Encoding.UTF8.GetString(text);
                if (!reader.TrySkip()) break;
            }

            return "nothing that can be read";
        }
    }
}
