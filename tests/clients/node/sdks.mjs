// The official clients for Node, each asked in every way it has, with what it told in one value.
// A talk keeps the conversation as the client's documentation says: what came is sent back as it came.

import Anthropic from '@anthropic-ai/sdk';
import { ApiError } from '@google/genai';
import OpenAI from 'openai';

import { ChatTalk } from './talk-chat.mjs';
import { GeminiTalk } from './talk-gemini.mjs';
import { MessagesTalk } from './talk-messages.mjs';
import { Failed, ResponsesTalk } from './talk-responses.mjs';

export const TALKS = { chat: ChatTalk, responses: ResponsesTalk, messages: MessagesTalk, gemini: GeminiTalk };
export const WAYS = Object.entries(TALKS).flatMap(([name, talk]) => talk.ways.map((way) => [name, way]));

const FAILURES = [OpenAI.OpenAIError, Anthropic.AnthropicError, ApiError, Failed];
/** How a client tells that an answer is not whole. */
export const isFailure = (error) => FAILURES.some((kind) => error instanceof kind);
